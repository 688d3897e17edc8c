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
  add_executable(${NAME} ${UNIKERNEL_SOURCES})
  set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/guests LINKER_LANGUAGE C)
  target_compile_options(${NAME} PRIVATE ${SPRY_UNIKERNEL_WARNINGS})
  target_link_libraries(${NAME} PRIVATE spry_unikernel_options)
  if(NOT UNIKERNEL_BARE)
    # The library's own calls into libgcc (128-bit division) come last.
    target_link_libraries(${NAME} PRIVATE spry_guest -lgcc)
  endif()
  if(UNIKERNEL_FIXED)
    target_link_options(${NAME} PRIVATE -static -no-pie -Wl,-Ttext-segment=0x200000)
  else()
    target_link_options(${NAME} PRIVATE -static-pie -Wl,--no-dynamic-linker)
  endif()
endfunction()
