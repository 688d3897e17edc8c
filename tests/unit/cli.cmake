# Unit tests of the command `spry` and of the console.

spry_add_unit_test(
  cli_test
  SOURCES cli_options_test.cpp cli_input_test.cpp cli_report_test.cpp cli_json_text_test.cpp
          cli_diagnosis_test.cpp cli_help_test.cpp
  LIBRARIES spry_command nlohmann_json::nlohmann_json)

spry_add_unit_test(
  cli_console_test
  SOURCES cli_console_test.cpp
  LIBRARIES spry_module_console)

# Tests that the C library which the command is linked with keeps what the host's headers promise. The program is linked
# as `spry` is.
add_executable(cli_link_test ${CMAKE_CURRENT_LIST_DIR}/cli_link_test.cpp)
target_compile_definitions(cli_link_test PRIVATE JSON_NO_IO)
target_link_libraries(cli_link_test PRIVATE spry_text spry_host_options nlohmann_json::nlohmann_json)
spry_link_command(cli_link_test)
add_test(NAME cli_link_test COMMAND cli_link_test)

# std::locale's facets read the insides of glibc's locale_t, so none may be linked into a program with musl.
if(SPRY_MUSL AND NOT SPRY_SANITIZE)
  add_test(NAME cli_no_locale_test COMMAND sh -c "! nm -C \"$1\" | grep -E 'std::locale::classic|std::ios_base::Init'" sh
                                           $<TARGET_FILE:spry>)
endif()
