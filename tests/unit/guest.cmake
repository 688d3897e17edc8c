# The pure parts of the guest library, compiled for the host. Their C names get a prefix, so that they stand beside the
# host's own.
set(SPRY_GUEST_RENAMED
    memcpy
    memmove
    memset
    memcmp
    memchr
    strlen
    strnlen
    strcmp
    strncmp
    strchr)
set(SPRY_GUEST_RUNTIME ${PROJECT_SOURCE_DIR}/guest/runtime)
add_library(
  spry_guest_host STATIC
  ${SPRY_GUEST_RUNTIME}/chacha20.c
  ${SPRY_GUEST_RUNTIME}/random.c
  ${SPRY_GUEST_RUNTIME}/heap.c
  ${SPRY_GUEST_RUNTIME}/memory.c
  ${SPRY_GUEST_RUNTIME}/string.c
  ${SPRY_GUEST_RUNTIME}/printf.c)
target_link_libraries(spry_guest_host PRIVATE spry_host_options)
target_include_directories(spry_guest_host PUBLIC ${SPRY_GUEST_RUNTIME}
                                                  ${PROJECT_SOURCE_DIR}/guest/include)
target_compile_options(spry_guest_host PRIVATE -fno-builtin $<$<C_COMPILER_ID:GNU>:-fno-tree-loop-distribute-patterns>)
foreach(function IN LISTS SPRY_GUEST_RENAMED)
  target_compile_definitions(spry_guest_host PRIVATE ${function}=spry_test_${function})
endforeach()

foreach(part heap printf string random)
  spry_add_unit_test(guest_${part}_test SOURCES guest_${part}_test.cpp LIBRARIES
                     spry_guest_host)
endforeach()
