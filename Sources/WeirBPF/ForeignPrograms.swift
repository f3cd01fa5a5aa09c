import CWeirBPF
import Glibc

/// Programs of others at the hooks that Weir uses.
public struct ForeignProgram: Sendable, Hashable {
    /// When it runs, seen from Weir's program at the same hook.
    public enum Order: Sendable {
        case before, after
        /// Weir has no program there.
        case alone
    }

    /// As Weir's program there is called: connect4, sockops.
    public let hook: String
    public let id: UInt32
    public let name: String
    /// The path of the cgroup that it is attached to.
    public let cgroup: String
    /// Whether that is below the cgroup that Weir is attached to, or is to be.
    public let isBelow: Bool
    /// Whether it was attached without BPF_F_ALLOW_MULTI, so that nobody else's program can be.
    public let isExclusive: Bool
    public let order: Order
    /// Whether that is the order in which both do what they are there for.
    public let isInOrder: Bool

    /// No more cgroups than that are looked at below Weir's.
    private static let mostCgroups = 4096

    /// What sits beside Weir's programs at the hooks of a cgroup, of those above it, whose programs run there, too, and of
    /// those below it.
    /// - Parameter pins: of the installation whose programs are Weir's; others' that begin with `weir_` are left out.
    public static func around(_ cgroup: String, _ pins: PinDirectory) throws(BPFError) -> [ForeignProgram] {
        let own = pins.attachedPrograms()
        var found: [ForeignProgram] = []
        for path in [cgroup] + above(cgroup) {
            found += try at(path, in: cgroup, own).filter { !$0.name.hasPrefix("weir_") }
        }
        for path in below(cgroup) {
            // It may have gone meanwhile.
            found += ((try? at(path, in: cgroup, own, isBelow: true)) ?? []).filter { !$0.name.hasPrefix("weir_") }
        }
        return found
    }

    /// The names of what is attached to the root, Weir's programs included.
    public static func namesAtRoot() throws(BPFError) -> Set<String> {
        let root = try Host.cgroupRoot()
        return Set(try at(root, in: root, [:]).map(\.name))
    }

    private static func at(
        _ path: String, in cgroup: String, _ own: [String: UInt32], isBelow: Bool = false
    ) throws(BPFError) -> [ForeignProgram] {
        let place = try Descriptor(path: path)
        let weir = try Descriptor(path: cgroup)
        var found: [ForeignProgram] = []
        for hook in Interceptor.hooks {
            var ids = [UInt32](repeating: 0, count: 64)
            var flags: UInt32 = 0
            let count = weir_cgroup_programs(place.raw, hook.type, &ids, UInt32(ids.count), &flags)
            if count == -EINVAL { continue }  // a kernel without this hook
            try check(count, "list", "the programs at the cgroup \(path)")
            if count == 0 { continue }
            let running = order(at: hook, in: isBelow ? place.raw : weir.raw)
            for id in ids.prefix(Int(count)) where id != own[hook.program] {
                guard let name = name(of: id) else { continue }
                let order = order(of: id, own[hook.program], running)
                found.append(
                    ForeignProgram(
                        hook: hook.name, id: id, name: name, cgroup: path, isBelow: isBelow,
                        isExclusive: flags & UInt32(BPF_F_ALLOW_MULTI) == 0, order: order,
                        isInOrder: order == (hook.place == .first ? .after : .before)))
            }
        }
        return found
    }

    private static func order(of id: UInt32, _ own: UInt32?, _ running: [UInt32]) -> Order {
        guard let own, let mine = running.firstIndex(of: own), let other = running.firstIndex(of: id) else {
            return .alone
        }
        return other < mine ? .before : .after
    }

    private static func order(at hook: Hook, in cgroup: Int32) -> [UInt32] {
        var ids = [UInt32](repeating: 0, count: 256)
        let count = weir_cgroup_order(cgroup, hook.type, &ids, UInt32(ids.count))
        return count > 0 ? Array(ids.prefix(Int(count))) : []
    }

    /// The cgroups that a path leads through, the nearest first.
    private static func above(_ path: String) -> [String] {
        var found: [String] = []
        var path = path
        while let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            path = String(path[..<slash])
            if (try? Host.cgroupID(of: path)) == nil { break }
            found.append(path)
        }
        return found
    }

    /// The cgroups below a path, those that are nearer first.
    private static func below(_ path: String) -> [String] {
        var found = [path]
        var next = 0
        while next < found.count, found.count <= mostCgroups {
            let folder = found[next]
            next += 1
            found += Folder.folders(in: folder).map { "\(folder)/\($0)" }
        }
        return Array(found.dropFirst().prefix(mostCgroups))
    }

    /// - Returns: nil for a program that has gone meanwhile.
    static func name(of id: UInt32) -> String? {
        let raw = bpf_prog_get_fd_by_id(id)
        guard raw >= 0 else { return nil }
        let descriptor = Descriptor(owning: raw)
        var info = bpf_prog_info()
        guard weir_program_info(descriptor.raw, &info) == 0 else { return nil }
        return withUnsafeBytes(of: info.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

extension PinDirectory {
    /// The kernel's ids of the programs in the pinned links, by the link's name.
    func attachedPrograms() -> [String: UInt32] {
        var found: [String: UInt32] = [:]
        for name in names(in: "links") {
            guard let raw = try? open("links/\(name)") else { continue }
            let link = Descriptor(owning: raw)
            var info = bpf_link_info()
            if weir_link_info(link.raw, &info) == 0, info.cgroup.cgroup_id != 0 { found[name] = info.prog_id }
        }
        return found
    }
}
