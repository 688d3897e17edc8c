// SPRY_API marks what the shared library exports; everything else in it is hidden. Plain C.
#pragma once

#define SPRY_API __attribute__((visibility("default")))
