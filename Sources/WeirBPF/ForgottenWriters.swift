import CWeirBPF
import Glibc

/// Writers of the short cut that the kernel has forgotten to wake, and how they are woken: `bpf/wake.bpf.h`.
public final class ForgottenWriters: Sendable {
    static let programs = [search, wake]
    private static let search = "weir_forgotten"
    private static let wake = "weir_wake"

    private let members: Descriptor
    private let sockets: Descriptor

    /// Loads the programs, which end with this value.
    /// - Parameter maps: of the installation whose sockets they look at.
    public init(_ maps: Maps) throws(BPFError) {
        let object = try Object()
        object.select { Self.programs.contains($0) }
        try maps.forEach { map throws(BPFError) in try object.reuse(map) }
        try object.load()
        let members = try Self.iterator(object, Self.search, over: maps.peers.raw)
        sockets = try Self.iterator(object, Self.wake, over: nil)
        self.members = members
    }

    private static func iterator(
        _ object: borrowing Object, _ name: String, over map: Int32?
    ) throws(BPFError) -> Descriptor {
        Descriptor(
            owning: try check(
                weir_iterator_create(object.program(name) ?? -1, map ?? -1), "attach", name,
                advice: "iterators over sockets need Linux 5.10"))
    }

    /// - Returns: cookies of the namespaces that have some.
    public func find() throws(BPFError) -> Set<UInt64> {
        Set(try Self.read(members.raw, "the members of the short cut"))
    }

    /// Wakes those of a namespace.
    /// - Returns: how many.
    public func wake(in namespace: borrowing NetworkNamespace) throws(BPFError) -> Int {
        let sockets = sockets.raw
        return try namespace.enter { () throws(BPFError) in
            try Self.read(sockets, "the sockets of the namespace").count
        }
    }

    /// Runs an iterator's program for everything it goes over.
    /// - Returns: the cookies that the program wrote.
    private static func read(_ iterator: Int32, _ subject: String) throws(BPFError) -> [UInt64] {
        let run = Descriptor(owning: try check(bpf_iter_create(iterator), "walk", subject))
        var cookies: [UInt64] = []
        var buffer = [UInt64](repeating: 0, count: 512)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(run.raw, $0.baseAddress, $0.count) }
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            if count < 0 { throw BPFError(code: errno, operation: "walk", subject: subject) }
            if count == 0 { return cookies }
            cookies += buffer[..<(count / MemoryLayout<UInt64>.size)]
        }
    }
}
