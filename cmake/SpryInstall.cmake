# What the folders need to install their part (`cmake --install`), in two components: `runtime`, what runs actions, and
# `development`, what builds launchers and unikernels.
option(SPRY_INSTALL "Install Spry (off by default inside another project)" ${PROJECT_IS_TOP_LEVEL})
include(GNUInstallDirs)
foreach(directory LIBDIR INCLUDEDIR DATADIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${directory}}")
    message(FATAL_ERROR "CMAKE_INSTALL_${directory} is ${CMAKE_INSTALL_${directory}}: what is installed finds its parts "
                        "relative to the prefix, so this must be a relative path")
  endif()
endforeach()
set(SPRY_INSTALL_CMAKEDIR ${CMAKE_INSTALL_LIBDIR}/cmake/Spry)
set(SPRY_INSTALL_GUEST_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR}/spry-guest)
set(SPRY_INSTALL_DATADIR ${CMAKE_INSTALL_DATADIR}/spry)

# spry_install_pkg_config(NAME): installs NAME.pc, made of this folder's NAME.pc.in. @prefix@ in it is relative to the
# file itself, because `cmake --install --prefix` chooses the prefix after this runs, and a prefix may be moved.
function(spry_install_pkg_config name)
  file(RELATIVE_PATH up ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
  string(REGEX REPLACE "/$" "" up "${up}")
  set(prefix "\${pcfiledir}/${up}")
  configure_file(${name}.pc.in ${name}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
          COMPONENT development)
endfunction()
