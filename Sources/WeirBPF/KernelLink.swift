import CWeirBPF
import Glibc

/// An attachment that the kernel knows, pinned or not.
struct KernelLink: Sendable {
    let descriptor: HeldDescriptor
    let id: UInt32
    let program: String

    /// Those to cgroups and namespaces whose programs are Weir's and use one of these maps: an installation's own.
    static func all(using maps: Set<UInt32>) -> [KernelLink] {
        var found: [KernelLink] = []
        var id: UInt32 = 0
        while !maps.isEmpty, bpf_link_get_next_id(id, &id) == 0 {
            let raw = bpf_link_get_fd_by_id(id)
            guard raw >= 0 else { continue }  // it has gone meanwhile
            let link = HeldDescriptor(raw)
            var info = bpf_link_info()
            guard weir_link_info(raw, &info) == 0, isAttached(info) else { continue }
            let program = bpf_prog_get_fd_by_id(info.prog_id)
            guard program >= 0 else { continue }
            let owned = Descriptor(owning: program)
            guard let name = ForeignProgram.name(of: info.prog_id), name.hasPrefix("weir_"),
                !maps.isDisjoint(with: self.maps(of: owned.raw))
            else { continue }
            found.append(KernelLink(descriptor: link, id: id, program: name))
        }
        return found
    }

    private static func isAttached(_ info: bpf_link_info) -> Bool {
        switch bpf_link_type(info.type) {
        case BPF_LINK_TYPE_CGROUP: info.cgroup.cgroup_id != 0
        case BPF_LINK_TYPE_NETNS: info.netns.netns_ino != 0
        default: false
        }
    }

    private static func maps(of program: Int32) -> [UInt32] {
        var ids = [UInt32](repeating: 0, count: 64)
        let count = weir_program_maps(program, &ids, UInt32(ids.count))
        return count > 0 ? Array(ids.prefix(Int(count))) : []
    }
}

/// A descriptor that several may hold.
final class HeldDescriptor: Sendable {
    let raw: Int32

    init(_ raw: Int32) { self.raw = raw }
    deinit { close(raw) }
}

/// What is written down of an installation's maps, by which its programs are known when its pins have gone: a line with
/// the kernel's id of each.
struct InstallationRecord {
    private let pins: PinDirectory
    private let state: StateFolder
    private var file: String { "\(state.path)/kernel/maps" }

    init(_ pins: PinDirectory) {
        self.pins = pins
        state = StateFolder(pins)
    }

    func write(_ maps: Maps) throws(BPFError) {
        var text = ""
        try maps.forEach { map throws(BPFError) in text += "\(try map.info().id)\n" }
        try state.make("kernel")
        try TextFile.write(text, to: file)
    }

    /// Those that are written down, and those that are pinned.
    func maps() -> Set<UInt32> {
        var ids = Set(TextFile.lines(file).compactMap { UInt32($0) })
        for directory in [pins] + pins.leftovers() + pins.predecessors() {
            for name in directory.names(in: "maps") {
                guard let map = try? directory.map(name), let id = Interceptor.mapID(map.raw) else { continue }
                ids.insert(id)
            }
        }
        return ids
    }

    func remove() {
        unlink(file)
        state.clear()
    }
}

extension PinDirectory {
    private func link(_ name: String) throws(BPFError) -> bpf_link_info {
        let link = Descriptor(owning: try open(name))
        var info = bpf_link_info()
        try check(weir_link_info(link.raw, &info), "inspect", "\(path)/\(name)")
        return info
    }

    /// What is not in force of what is pinned here, a sentence each: links that somebody has detached, and programs that
    /// are attached without a pin.
    public func faults() -> [String] {
        var pinned: Set<UInt32> = []
        var sentences: [String] = []
        for directory in [self] + leftovers() + predecessors() {
            for folder in ["links", "netns"] {
                for name in directory.names(in: folder) {
                    let info: bpf_link_info
                    do {
                        info = try directory.link("\(folder)/\(name)")
                    } catch {
                        // It may have gone meanwhile; whatever else is in the way, nothing was seen.
                        if error.code != ENOENT { sentences.append("\(name) cannot be looked at: \(error)") }
                        continue
                    }
                    pinned.insert(info.id)
                    // A namespace that ended has taken its link along.
                    if folder == "links" && info.cgroup.cgroup_id == 0 {
                        sentences.append("\(name) was detached, or its cgroup removed")
                    }
                }
            }
        }
        if exists {
            let missing = Set(Interceptor.programNames).subtracting(names(in: "links")).sorted()
            sentences += missing.map { "\($0) is not pinned under \(path)" }
        }
        let others = KernelLink.all(using: InstallationRecord(self).maps()).filter { !pinned.contains($0.id) }
        sentences += Set(others.map(\.program)).sorted().map { "\($0) is attached, and not pinned under \(path)" }
        return sentences
    }
}
