# The image's unit tests, one program.
spry_add_unit_test(
  NAME
  image_test
  SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/elf_builder.cpp
  ${CMAKE_CURRENT_LIST_DIR}/image_escape_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/image_file_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/image_load_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/image_mutant_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/image_symbol_test.cpp)
target_include_directories(image_test PRIVATE ${CMAKE_CURRENT_LIST_DIR} ${CMAKE_CURRENT_LIST_DIR}/../../monitor)
