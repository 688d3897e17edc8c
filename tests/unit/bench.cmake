# Unit tests of the benchmark: its statistics, its load generator, its files. None of them asserts a time.
spry_add_unit_test(
  bench_test
  SOURCES
  bench_cost_test.cpp
  bench_host_test.cpp
  bench_load_test.cpp
  bench_options_test.cpp
  bench_plot_test.cpp
  bench_process_test.cpp
  bench_processors_test.cpp
  bench_report_test.cpp
  bench_results_test.cpp
  bench_saturation_test.cpp
  bench_statistics_test.cpp
  LIBRARIES spry_bench)
