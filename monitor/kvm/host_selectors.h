// The data segment selectors of the calling thread.
#pragma once

namespace spry {

// Loads DS, ES, FS and GS with 0, as they are in every 64-bit Linux thread, and leaves the thread's FS and GS bases as
// they are. On hosts without hardware virtualization a guest's selectors stay in the thread that ran it and are seen by
// the next guest that it runs, while KVM reports others.
void load_null_selectors();

}  // namespace spry
