import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing

@_silgen_name("setns")
private func setns(_ descriptor: Int32, _ type: Int32) -> Int32

/// A network namespace of a test, with loopback up, and a thread that lives in it. Removed with the object.
final class NetworkNamespace: Sendable {
    let name: String
    let descriptor: Int32
    private let thread = NIOThreadPool(numberOfThreads: 1)
    private static let made = Atomic<Int>(0)

    init() throws {
        let number = Self.made.add(1, ordering: .relaxed).newValue
        name = "weirproxy-test-\(getpid())-\(number)"
        try shell("ip netns add \(name)")
        descriptor = open("/run/netns/\(name)", O_RDONLY | O_CLOEXEC)
        thread.start()
        try shell("ip -n \(name) link set lo up")
    }

    deinit {
        thread.shutdownGracefully { _ in }
        close(descriptor)
        try? shell("ip netns del \(name)")
    }

    /// Runs calls on the thread inside. Sockets made there belong to the namespace and can be used anywhere.
    func blocking<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await thread.runIfActive { [descriptor] in
            try check(setns(descriptor, 0x4000_0000))
            return try body()
        }
    }

    func nft(_ rules: String) throws {
        try shell("ip netns exec \(name) nft '\(rules)'")
    }
}

/// Runs a command; throws its exit status.
private func shell(_ command: String) throws {
    let status = system(command)
    guard status == 0 else { throw SocketFailure(code: status) }
}
