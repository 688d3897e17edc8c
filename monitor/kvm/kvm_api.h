// <linux/kvm.h>, made fit for C++. Debian 12's __DECLARE_FLEX_ARRAY puts an empty struct before each flexible array,
// which has size 1 in C++, so that sizeof(kvm_cpuid2) is 12 and every ioctl number that encodes such a size is wrong.
#pragma once

#include <linux/stddef.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#undef __DECLARE_FLEX_ARRAY
#define __DECLARE_FLEX_ARRAY(TYPE, NAME) TYPE NAME[0]
#include <linux/kvm.h>
#pragma GCC diagnostic pop

static_assert(sizeof(kvm_cpuid2) == 8, "the size that KVM_SET_CPUID2 encodes");
static_assert(sizeof(kvm_msrs) == 8, "the size that KVM_SET_MSRS encodes");
static_assert(sizeof(kvm_signal_mask) == 4, "the size that KVM_SET_SIGNAL_MASK encodes");
