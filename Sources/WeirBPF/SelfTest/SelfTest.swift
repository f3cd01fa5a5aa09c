import CWeirBPF
import Glibc

/// Whether the same-node short cut keeps, on the running kernel, what applications rely on. The test has sockets of its
/// own in a network namespace of its own, and leaves neither.
public struct SelfTest: Codable, Sendable {
    /// One way in which a socket of a role is not as one that no program has touched.
    public struct Difference: Codable, Hashable, Sendable {
        public let role: SocketRole
        public let semantic: Semantic
        /// "FIONREAD returns 0 while 5 bytes wait".
        public let observed: String
    }

    public let differences: [Difference]
    /// How long the test took.
    public let milliseconds: Double

    /// - Parameter differences: what a test would have found.
    init(differences: [Difference], milliseconds: Double = 0) {
        self.differences = differences
        self.milliseconds = milliseconds
    }

    /// One thing that the short cut may be used for, or why it may not.
    public struct Permission: Sendable {
        public enum Use: Sendable {
            /// Bytes are redirected to proxies that read until a socket is empty.
            case proxiesReceive
            /// Bytes are redirected to proxies that take a short read for "empty".
            case shortReadersReceive
            /// Application sockets send by the short cut, for which they have to be in its map.
            case applicationsSend
            /// Bytes are redirected to applications, whatever their habits.
            case applicationsReceive

            public var title: String {
                switch self {
                case .proxiesReceive: "proxies receive"
                case .shortReadersReceive: "proxies that stop at a short read receive"
                case .applicationsSend: "applications send"
                case .applicationsReceive: "applications receive"
                }
            }
        }

        public let use: Use
        /// "nothing is redirected to proxies", when it may not.
        public let consequence: String
        /// Why not, an element for each role of sockets: "FIONREAD returns 0 for members"; empty: it may.
        public let reasons: [String]

        /// Why not, as a sentence; nil: it may.
        public var refusal: String? {
            reasons.isEmpty ? nil : "\(reasons.joined(separator: "; ")) on this kernel: \(consequence)"
        }
    }

    /// What this kernel allows, and with that `acceleration: auto`.
    public var permissions: [Permission] {
        [
            permission(.proxiesReceive, "nothing is redirected to proxies") {
                $0.role != .queued && $0.role.neededByProxies.contains($0.semantic)
            },
            permission(.shortReadersReceive, "nothing is redirected to proxies that stop at a short read") {
                $0.role != .receiver && $0.role.neededByProxies.contains($0.semantic)
            },
            permission(.applicationsSend, "application sockets stay out") { $0.role == .member || $0.role == .sender },
            permission(.applicationsReceive, "nothing is redirected to applications") { $0.role != .queued },
        ]
    }

    public func allows(_ use: Permission.Use) -> Bool {
        permissions.contains { $0.use == use && $0.refusal == nil }
    }

    private func permission(
        _ use: Permission.Use, _ consequence: String, unless matters: (Difference) -> Bool
    ) -> Permission {
        let reasons = SocketRole.allCases.compactMap { role -> String? in
            let found = differences.filter { $0.role == role && matters($0) }.map(\.observed)
            return found.isEmpty ? nil : "\(found.joined(separator: ", ")) for \(role.rawValue)s"
        }
        return Permission(use: use, consequence: consequence, reasons: reasons)
    }

    /// Runs the test on the calling thread, in well under a second.
    public static func run() throws(BPFError) -> SelfTest {
        try Host.require()
        let start = clock()
        let redirection = try Redirection()
        let differences = try NetworkNamespace.withPrivate { () throws(BPFError) in
            let listener = try LoopbackListener()
            // On plain sockets first: what fails there says nothing about the short cut.
            for semantic in Semantic.allCases {
                let pair = try SocketPair(listener)
                if let observed = try semantic.check(pair, redirection, asSender: false) {
                    throw BPFError(
                        code: ENOTSUP, operation: "test", subject: "\(semantic.rawValue): on plain sockets \(observed)")
                }
            }
            var found: [Difference] = []
            for role in SocketRole.allCases {
                for semantic in role.semantics {
                    let pair = try SocketPair(listener)
                    try redirection.join(pair, as: role)
                    if let observed = try semantic.check(pair, redirection, asSender: role == .sender) {
                        found.append(Difference(role: role, semantic: semantic, observed: observed))
                    }
                    try redirection.turn(on: false)
                }
            }
            return found
        }
        return SelfTest(differences: differences, milliseconds: clock() - start)
    }

    /// Milliseconds of CLOCK_MONOTONIC.
    static func clock() -> Double {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Double(now.tv_sec) * 1e3 + Double(now.tv_nsec) / 1e6
    }
}
