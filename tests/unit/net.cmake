# Unit tests of the net module.
spry_add_unit_test(
  net_test
  SOURCES net_device_test.cpp net_packets_test.cpp net_specification_test.cpp net_stream_test.cpp
  LIBRARIES spry_module_net)

# The example's answers, compiled for the host.
add_library(pingd_responder STATIC ${PROJECT_SOURCE_DIR}/examples/pingd/responder.c)
target_link_libraries(pingd_responder PRIVATE spry_host_options)
target_include_directories(pingd_responder PUBLIC ${PROJECT_SOURCE_DIR}/examples/pingd)
spry_add_unit_test(
  net_responder_test
  SOURCES net_responder_test.cpp
  LIBRARIES pingd_responder)
