import Glibc

@testable import WeirNFT

// Declared for _GNU_SOURCE only. They take and return plain integers.
@_silgen_name("setns") private func setns(_ descriptor: Int32, _ type: Int32) -> Int32
@_silgen_name("unshare") private func unshare(_ flags: Int32) -> Int32

/// A pod's namespace and one that plays the rest of the world, joined by a pair of interfaces. They have no names and
/// belong to one thread, so nothing is left of them when a test ends, however it ends.
///
/// inside: eth0 10.1.0.2/24, fd00:1::2/64, default routes; outside: po0 10.1.0.1/24, fd00:1::1/64, and on lo
/// 203.0.113.7, 9.9.9.9 and 2001:db8::7.
struct Pod {
    let inside: Int32
    let outside: Int32
    let nft: NFT

    static let isPossible = geteuid() == 0 && (try? NFT()) != nil

    /// Runs the body on a thread of its own, inside the pod.
    static func run<Result: Sendable>(_ body: @escaping @Sendable (Pod) throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            start { continuation.resume(with: Swift.Result { try body(Pod()) }) }
        }
    }

    private init() throws {
        nft = try NFT()
        outside = try Self.makeNamespace()
        inside = try Self.makeNamespace()
        try ip("link add eth0 type veth peer name po0 netns /proc/\(getpid())/fd/\(outside)")
        for command in [
            "link set lo up", "link set eth0 up", "addr add 10.1.0.2/24 dev eth0",
            "addr add fd00:1::2/64 dev eth0 nodad", "route add default via 10.1.0.1",
            "-6 route add default via fd00:1::1",
        ] { try ip(command) }
        try enter(outside) {
            for command in [
                "link set lo up", "link set po0 up", "addr add 10.1.0.1/24 dev po0",
                "addr add fd00:1::1/64 dev po0 nodad", "addr add 203.0.113.7/32 dev lo", "addr add 9.9.9.9/32 dev lo",
                "addr add 2001:db8::7/128 dev lo nodad",
            ] { try ip(command) }
        }
    }

    private static func makeNamespace() throws -> Int32 {
        // CLONE_NEWNET
        try Socket.check(unshare(0x4000_0000), "unshare")
        return try Socket.check(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open")
    }

    /// Runs the body outside, and comes back.
    func enter<Result>(_ namespace: Int32, _ body: () throws -> Result) throws -> Result {
        try Socket.check(setns(namespace, 0x4000_0000), "setns")
        defer { _ = setns(inside, 0x4000_0000) }
        return try body()
    }

    func ip(_ command: String) throws {
        try tool("ip", command.split(separator: " ").map(String.init))
    }

    @discardableResult
    func tool(_ name: String, _ arguments: [String]) throws -> String {
        let folders = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
        let result = try Tool.run([Tool.find(name, folders) ?? name] + arguments, input: "")
        guard result.status == 0 else { throw Socket.Failure(what: "\(name) \(arguments): \(result.errors)", code: 0) }
        return result.output
    }

    func load(_ ruleset: Ruleset) throws { try nft.apply(ruleset) }

    static func start(_ run: @escaping @Sendable () -> Void) {
        final class Body: Sendable {
            let run: @Sendable () -> Void
            init(_ run: @escaping @Sendable () -> Void) { self.run = run }
        }
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(run)).toOpaque()
        let error = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, body)
        precondition(error == 0, "cannot start a thread")
        pthread_detach(thread)
    }
}
