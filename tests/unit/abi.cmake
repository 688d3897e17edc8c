# Compares docs/abi.md with guest/include/spry/abi.h. The names come from the header's text and their values from the
# compiler, so that a constant or a field that is new in the header must be in the document as well.
set(SPRY_ABI_HEADER ${PROJECT_SOURCE_DIR}/guest/include/spry/abi.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${SPRY_ABI_HEADER})

set(constants "")
set(fields "")
set(struct "")
file(STRINGS ${SPRY_ABI_HEADER} lines)
foreach(line IN LISTS lines)
  if(line MATCHES "^#define (SPRY_[A-Z0-9_]+) ")
    string(APPEND constants "    constant(\"${CMAKE_MATCH_1}\", ${CMAKE_MATCH_1}),\n")
  elseif(line MATCHES "^struct ([a-z_]+) {")
    set(struct ${CMAKE_MATCH_1})
  elseif(line MATCHES "^}")
    set(struct "")
  elseif(struct AND line MATCHES "^  [a-z][a-z0-9_ ]* ([a-z_]+)([[][^]]*[]])?;")
    string(APPEND fields "    {\"${struct}\", \"${CMAKE_MATCH_1}\", offsetof(${struct}, ${CMAKE_MATCH_1}), "
                         "sizeof(${struct}::${CMAKE_MATCH_1})},\n")
  endif()
endforeach()
file(CONFIGURE OUTPUT abi_constants.inc CONTENT "${constants}" @ONLY)
file(CONFIGURE OUTPUT abi_fields.inc CONTENT "${fields}" @ONLY)

spry_add_unit_test(abi_doc_test SOURCES abi_doc_test.cpp)
target_include_directories(abi_doc_test PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
target_compile_definitions(abi_doc_test PRIVATE SPRY_ABI_DOCUMENT="${PROJECT_SOURCE_DIR}/docs/abi.md")
