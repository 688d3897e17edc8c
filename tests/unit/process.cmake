# Unit tests of guests as processes: what the kernel tells is read right, and small guests run.
spry_add_unit_test(process_test SOURCES process_run_test.cpp)
