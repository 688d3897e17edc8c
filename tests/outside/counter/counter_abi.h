/* What both sides of the counter agree on: the operations of the device kind "counter". */
#define COUNTER_ADD 1u /* (amount): returns the new value, or -SPRY_EINVAL beyond COUNTER_MAX */
#define COUNTER_MAX 1000u
