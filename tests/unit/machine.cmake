# Unit tests of the machine: everything that can be looked at without running a guest.
spry_add_unit_test(
  machine_test
  SOURCES
  elf_builder.cpp
  machine_clock_test.cpp
  machine_crash_test.cpp
  machine_deadline_test.cpp
  machine_dirty_pages_test.cpp
  machine_entropy_test.cpp
  machine_fault_test.cpp
  machine_histogram_test.cpp
  machine_instruction_test.cpp
  machine_layout_test.cpp
  machine_memory_test.cpp
  machine_metadata_test.cpp
  machine_page_tables_test.cpp
  machine_system_page_test.cpp)
