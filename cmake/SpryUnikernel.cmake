# spry_add_unikernel(NAME SOURCES source... [FIXED] [BARE]): an executable target NAME, a unikernel, in
# ${CMAKE_BINARY_DIR}/guests/NAME.
#
# It is a static PIE, which the monitor places at a random address. FIXED: an ET_EXEC at 0x200000 instead. BARE: without
# the guest library; the sources bring the entry `spry_entry` and the notes themselves.
#
# SPRY_UNIKERNEL_WARNINGS: compile options for the sources of unikernels. A project that uses Spry may set its own.
if(NOT DEFINED SPRY_UNIKERNEL_WARNINGS)
  set(SPRY_UNIKERNEL_WARNINGS
      $<$<COMPILE_LANGUAGE:C,CXX>:-Wall>
      $<$<COMPILE_LANGUAGE:C,CXX>:-Wextra>
      $<$<COMPILE_LANGUAGE:C,CXX>:-Werror>
      $<$<COMPILE_LANGUAGE:C,CXX>:-Wconversion>
      $<$<COMPILE_LANGUAGE:C,CXX>:-Wsign-conversion>
      $<$<COMPILE_LANGUAGE:C,CXX>:-Wshadow>
      $<$<COMPILE_LANGUAGE:C,CXX>:-Wpedantic>
      $<$<COMPILE_LANGUAGE:C,CXX>:-Wcast-align>
      $<$<COMPILE_LANGUAGE:C,CXX>:-Wimplicit-fallthrough>
      $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
      $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
      $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
      $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>)
endif()

function(spry_add_unikernel NAME)
  cmake_parse_arguments(PARSE_ARGV 1 UNIKERNEL "FIXED;BARE" "" "SOURCES")
  if(UNIKERNEL_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "spry_add_unikernel(${NAME}): unknown arguments: ${UNIKERNEL_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT UNIKERNEL_SOURCES)
    message(FATAL_ERROR "spry_add_unikernel(${NAME}): no SOURCES")
  endif()
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(NOT C IN_LIST languages OR NOT CXX IN_LIST languages)
    message(FATAL_ERROR "spry_add_unikernel(${NAME}) needs a project with LANGUAGES C CXX")
  endif()
  add_executable(${NAME} ${UNIKERNEL_SOURCES})
  # Linked as C++ whatever the sources are: else CMake adds the host's libstdc++ for the library's C++ part by name,
  # which -nostdlib does not take back.
  set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/guests LINKER_LANGUAGE CXX)
  target_compile_options(${NAME} PRIVATE ${SPRY_UNIKERNEL_WARNINGS})
  target_link_libraries(${NAME} PRIVATE Spry::unikernel_options)
  if(NOT UNIKERNEL_BARE)
    # libgcc: what the compiler calls for arithmetic without an instruction (128-bit division).
    target_link_libraries(${NAME} PRIVATE Spry::guest -lgcc)
  endif()
  if(UNIKERNEL_FIXED)
    target_link_options(${NAME} PRIVATE -static -no-pie -Wl,-Ttext-segment=0x200000)
  else()
    target_link_options(${NAME} PRIVATE -static-pie -Wl,--no-dynamic-linker)
  endif()
endfunction()
