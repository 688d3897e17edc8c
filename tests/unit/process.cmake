# Unit tests of guests as processes: what the kernel writes is read rightly, and small guests run.
spry_add_unit_test(
  process_test
  SOURCES process_availability_test.cpp process_frame_test.cpp process_kept_test.cpp process_life_test.cpp
          process_run_test.cpp process_system_call_test.cpp)
