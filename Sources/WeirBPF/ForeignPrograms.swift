import CWeirBPF
import Glibc

/// Programs of others at the hooks that Weir uses.
public struct ForeignProgram: Sendable, Codable, Hashable {
    public let hook: String
    public let id: UInt32
    public let name: String
    /// Whether it was attached without BPF_F_ALLOW_MULTI, so that nobody else's program can be.
    public let isExclusive: Bool

    /// What sits at the cgroup root beside Weir's programs.
    /// - Parameter isWeirForeign: whether Weir's programs count, too, for one that is installed elsewhere.
    public static func atCgroupRoot(isWeirForeign: Bool = false) throws(BPFError) -> [ForeignProgram] {
        let root = try Descriptor(path: try Host.cgroupRoot())
        var found: [ForeignProgram] = []
        for hook in Interceptor.hooks {
            var ids = [UInt32](repeating: 0, count: 64)
            var flags: UInt32 = 0
            let count = weir_cgroup_programs(root.raw, hook.type, &ids, UInt32(ids.count), &flags)
            if count == -EINVAL { continue }  // a kernel without this hook
            try check(count, "list", "the programs at the cgroup root")
            for id in ids.prefix(Int(count)) {
                guard let name = name(of: id), isWeirForeign || !name.hasPrefix("weir_") else { continue }
                let isExclusive = flags & UInt32(BPF_F_ALLOW_MULTI) == 0
                found.append(
                    ForeignProgram(
                        hook: String(hook.program.dropFirst(5)), id: id, name: name, isExclusive: isExclusive))
            }
        }
        return found
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
