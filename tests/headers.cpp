// This file is empty: it only exists for the precompiled header that the programs of tests share.
