import Glibc

// Two functions of the C library that Swift's Glibc module does not name: setns(2) is declared for _GNU_SOURCE only,
// malloc_trim(3) in a header outside the module. Both take and return plain integers, for which Swift's calling
// convention is C's.

@_silgen_name("setns")
private func setns(_ descriptor: Int32, _ type: Int32) -> Int32

@_silgen_name("malloc_trim")
private func malloc_trim(_ pad: Int) -> Int32

/// Moves the calling thread, and nothing else of the process, into a network namespace.
func enterNetworkNamespace(_ descriptor: Int32) throws(RelayProxyError) {
    // CLONE_NEWNET, linux/sched.h: refuses descriptors of anything else.
    guard setns(descriptor, 0x4000_0000) == 0 else { throw .cannotEnterNamespace(errno: errno) }
}

/// Gives the heap's free pages back to the kernel; glibc itself returns only those at the heap's end.
func releaseFreeMemory() {
    _ = malloc_trim(0)
}
