import Glibc

/// setns(2), which Swift's Glibc module lacks (it is declared for _GNU_SOURCE only).
@_silgen_name("setns")
private func setns(_ descriptor: Int32, _ type: Int32) -> Int32

/// Moves the calling thread, and nothing else of the process, into a network namespace.
func enterNetworkNamespace(_ descriptor: Int32) throws(RelayProxyError) {
    // CLONE_NEWNET, linux/sched.h: refuses descriptors of anything else.
    guard setns(descriptor, 0x4000_0000) == 0 else { throw .cannotEnterNamespace(errno: errno) }
}
