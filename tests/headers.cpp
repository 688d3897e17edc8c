// Nothing: its precompiled header is what the programs of tests share.
