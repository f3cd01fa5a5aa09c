import Glibc
import WeirBPF
import WeirCore

/// Merbridge by its own objects (github.com/merbridge/merbridge, bpf/), told what its CNI plugin and its controller would
/// tell them: which addresses are pods of this node, and by the mark of a socket, which of them a namespace has.
final class Merbridge {
    private let objects: PeerObjects
    private var marks: UInt32 = 0
    /// SOCK_IP_MARK_PORT (bpf/headers/mesh.h).
    private static let markPort = 39807

    /// - Parameters:
    ///   - path: one object, or a folder with all of them.
    ///   - cgroup: path of the cgroup whose processes meet the programs.
    /// - Throws: when this node cannot run them, or they cannot do what the benchmark measures.
    init(_ path: String, at cgroup: String) throws {
        let files = Folder.names(in: path).filter { $0.hasSuffix(".o") }.map { "\(path)/\($0)" }
        objects = try PeerObjects(files.isEmpty ? [path] : files, at: cgroup)
        let wanted = ["cgroup/connect4", "cgroup/connect6", "cgroup/getsockopt", "sockops"]
        if let lacking = wanted.first(where: { !objects.sections.contains($0) }) {
            throw BenchError("\(path) has no program \(lacking); give the folder with all of Merbridge's objects")
        }
    }

    /// Makes a namespace a pod of the node, injected and without exclusions.
    /// - Returns: the process whose socket says so.
    func add(_ netns: String, _ addresses: [Address], _ site: Site) throws -> LoadProcess {
        marks += 1
        let size = objects.sizes(of: "local_pod_ips")?.key
        for address in addresses where size != 4 || address.isIPv4 {
            try set("local_pod_ips", Self.bytes(address, of: size), to: [])
        }
        let mark = withUnsafeBytes(of: marks) { [UInt8]($0) }
        let own = addresses.first(where: \.isIPv4) ?? .any4
        try set("mark_pod_ips_map", mark, to: Self.bytes(own, of: objects.sizes(of: "mark_pod_ips_map")?.value))
        return try site.server(
            ["--mark", "\(marks)", "--echo", "\(Self.markPort)"], in: LoadProcess.Place(netns: netns))
    }

    /// A value is filled with zeros: its layout differs by version, and zero is no exclusion in all of them. Which maps
    /// there are differs, too.
    private func set(_ map: String, _ key: [UInt8], to value: [UInt8]) throws {
        guard let sizes = objects.sizes(of: map) else { return }
        guard sizes.key == key.count, sizes.value >= value.count else {
            throw BenchError(
                "Merbridge's map \(map) has keys of \(sizes.key) and values of \(sizes.value) bytes, which is none of its "
                    + "known layouts; give objects of another version to --merbridge")
        }
        try objects.set(map, key, to: value + [UInt8](repeating: 0, count: sizes.value - value.count))
    }

    /// An address of either family as versions since 0.8 have it, or of IPv4 as those before.
    private static func bytes(_ address: Address, of size: Int?) -> [UInt8] {
        size == 4 ? [UInt8](address.bytes.suffix(4)) : [UInt8](address.bytes)
    }
}
