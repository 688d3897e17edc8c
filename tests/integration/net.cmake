# The net module with the kernel's network stack, QEMU's framing and passt as peers.
spry_add_unikernel(netpair SOURCES net/pair.c ${PROJECT_SOURCE_DIR}/examples/pingd/responder.c)
spry_add_unikernel(udpclient SOURCES net/udp.c ${PROJECT_SOURCE_DIR}/examples/pingd/responder.c)
spry_add_unikernel(netecho SOURCES net/echo.c)
target_include_directories(udpclient PRIVATE ${PROJECT_SOURCE_DIR}/examples/pingd)
target_include_directories(netpair PRIVATE ${PROJECT_SOURCE_DIR}/examples/pingd)

foreach(test pings two down passt)
  add_test(NAME integration.net.${test} COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/net/${test} ${CMAKE_BINARY_DIR})
  set_tests_properties(integration.net.${test} PROPERTIES LABELS integration TIMEOUT 300 SKIP_RETURN_CODE 77)
endforeach()
add_test(NAME integration.net.sockets COMMAND perl ${CMAKE_CURRENT_SOURCE_DIR}/net/sockets ${CMAKE_BINARY_DIR})
set_tests_properties(integration.net.sockets PROPERTIES LABELS integration TIMEOUT 120 SKIP_RETURN_CODE 77)
