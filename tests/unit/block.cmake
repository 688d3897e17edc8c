# Unit tests of the block module.
spry_add_unit_test(
  block_test
  SOURCES block_device_test.cpp block_file_test.cpp block_overlay_test.cpp block_specification_test.cpp
  LIBRARIES spry_module_block)
