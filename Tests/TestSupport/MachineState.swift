import Foundation

/// What Weir could leave on a machine: BPF objects, pins, cgroups, nftables rules, listeners.
///
/// The machine may be in other use meanwhile; what is plainly somebody else's is left out (`BPFObjects`).
public struct MachineState: Sendable {
    /// By kind, one text a thing: "link" to "12 cgroup weir_connect4".
    private let things: [String: Set<String>]

    public static func now() throws -> MachineState {
        let objects = try BPFObjects()
        return MachineState(
            things: [
                "link": objects.links, "program": objects.programs, "map": objects.maps,
                "pin": tree("/sys/fs/bpf", files: true).filter { !BPFObjects.isForeign($0) },
                "cgroup": tree(Cgroup.root ?? "/nowhere", files: false),
                "nft": lines(try Command.run(["nft", "-s", "list", "ruleset"])),
                "listener": Set(lines(try Command.run(["ss", "-ltnH"])).map(Self.listener)),
            ])
    }

    /// What is here and was not there: a sentence each.
    public func added(since earlier: MachineState) -> [String] {
        things.flatMap { kind, here in here.subtracting(earlier.things[kind] ?? []).map { "\(kind) \($0)" } }.sorted()
    }

    /// The kernel frees objects a while after their last holder is gone: waits until nothing is left, or gives up.
    /// - Returns: what is left.
    public static func leftovers(since earlier: MachineState) throws -> [String] {
        try Eventually.value { try now().added(since: earlier).isEmpty ? [] : nil }
            ?? now().added(since: earlier)
    }

    private static func tree(_ root: String, files: Bool) -> Set<String> {
        guard let all = FileManager.default.enumerator(at: URL(fileURLWithPath: root), includingPropertiesForKeys: nil)
        else { return [] }
        return Set(all.compactMap { ($0 as? URL).flatMap { files || $0.hasDirectoryPath ? $0.path : nil } })
    }

    private static func lines(_ text: String) -> Set<String> { Set(text.split(separator: "\n").map(String.init)) }

    /// Without the queue's length, which changes by itself.
    private static func listener(_ line: String) -> String {
        line.split(separator: " ").dropFirst(3).prefix(1).joined()
    }
}

/// The BPF objects of the machine, but for those of installations that other programs pinned meanwhile.
private struct BPFObjects {
    private(set) var links: Set<String> = []
    private(set) var programs: Set<String> = []
    private(set) var maps: Set<String> = []

    private struct Object: Decodable {
        let id: Int
        let name, type: String?
        let pinned: [String]?
        let prog_id: Int?
        let map_ids: [Int]?

        var isForeign: Bool { pinned?.contains(where: BPFObjects.isForeign) ?? false }
        var text: String { "\(id) \(type ?? "-") \(name ?? "-")" }
    }

    /// Nobody else uses Weir's own directory while tests run.
    static func isForeign(_ pin: String) -> Bool {
        !["/sys/fs/bpf/\(Workspace.ownPrefix)", "/sys/fs/bpf/weir/", "/sys/fs/bpf/weir-new"]
            .contains(where: pin.hasPrefix)
    }

    init() throws {
        let links = try Self.list("link")
        let programs = try Self.list("prog")
        let maps = try Self.list("map")
        let others = Set(links.filter(\.isForeign).compactMap(\.prog_id))
        let otherPrograms = programs.filter { $0.isForeign || others.contains($0.id) }
        let otherMaps = Set(otherPrograms.flatMap { $0.map_ids ?? [] })
        self.links = Set(links.filter { !$0.isForeign }.map(\.text))
        self.programs = Set(programs.filter { !$0.isForeign && !others.contains($0.id) }.map(\.text))
        // The map of a policy is in no program's list: it is a value of another map.
        self.maps = Set(
            maps.filter { !$0.isForeign && !otherMaps.contains($0.id) }
                .filter { otherPrograms.isEmpty || $0.name != "weir_policy" }.map(\.text))
    }

    private static func list(_ kind: String) throws -> [Object] {
        // An object that goes while bpftool lists it makes bpftool fail.
        let text = try Eventually.value { () -> String? in
            let result = try Command.output(["bpftool", "-jf", kind, "show"])
            return result.status == 0 ? result.output : nil
        }
        return try JSONDecoder().decode([Object].self, from: Data((text ?? "[]").utf8))
    }
}
