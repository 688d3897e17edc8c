# The libraries that host code uses, all of them Debian packages.
find_library(SPRY_LIBELF libelf.a REQUIRED)
find_library(SPRY_ZLIB libz.a REQUIRED)
find_package(fmt REQUIRED)
find_package(tl-expected REQUIRED)
find_package(nlohmann_json REQUIRED)

# How host code is compiled: one target that every host target links, with the warnings and the sanitizers.
add_library(spry_host_options INTERFACE)
target_compile_options(
  spry_host_options
  INTERFACE -Wall
            -Wextra
            -Werror
            -Wconversion
            -Wsign-conversion
            -Wshadow
            -Wpedantic
            -Wcast-align
            $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
            $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>
            -Wimplicit-fallthrough
            -fno-omit-frame-pointer
            -ffunction-sections
            -fdata-sections
            -fstack-protector-strong
            -fstack-clash-protection)
# libstdc++ checks indices, empty optionals and their like.
target_compile_definitions(spry_host_options INTERFACE _GLIBCXX_ASSERTIONS)
if(SPRY_SANITIZE)
  target_compile_options(spry_host_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all)
  target_link_options(spry_host_options INTERFACE -fsanitize=address,undefined)
elseif(SPRY_THREADS)
  target_compile_options(spry_host_options INTERFACE -fsanitize=thread)
  target_link_options(spry_host_options INTERFACE -fsanitize=thread)
else()
  # Objects are linked into glibc programs and, for the command, with musl (cmake/SpryMonitor.cmake), which has no
  # fortified functions.
  target_compile_options(spry_host_options INTERFACE -U_FORTIFY_SOURCE)
endif()
