# The image's unit tests, one program.
spry_add_unit_test(
  image_test
  SOURCES
  elf_builder.cpp
  escape_test.cpp
  units_test.cpp
  utf8_test.cpp
  image_file_test.cpp
  image_load_test.cpp
  image_mutant_test.cpp
  image_symbol_test.cpp)
