import CWeirBPF
import Glibc

/// BPF objects of another project, attached to a cgroup for as long as this lives, so that they can be measured beside
/// Weir. Maps of one name are one map in all of them. Nothing is pinned: all of it goes with the process.
public final class PeerObjects {
    private var objects: [OpaquePointer] = []
    private var links: [Int32] = []
    /// By name; the objects own them.
    private var maps: [String: OpaquePointer] = [:]
    /// The sections of the programs that are attached, such as cgroup/connect4.
    public private(set) var sections: Set<String> = []

    /// - Parameters:
    ///   - files: paths of ELF objects that libbpf takes (1.0 and later: with BTF-defined maps).
    ///   - cgroup: path of the cgroup v2 whose processes meet the programs.
    /// - Throws: when one is not taken; nothing stays attached then.
    public init(_ files: [String], at cgroup: String) throws(BPFError) {
        let cgroup = try Descriptor(path: cgroup)
        for file in files { try load(file) }
        for object in objects { try attach(object, cgroup.raw) }
    }

    deinit {
        for link in links { close(link) }
        for object in objects { bpf_object__close(object) }
    }

    /// Sizes of a map's keys and values in bytes; nil: no object has it.
    public func sizes(of map: String) -> (key: Int, value: Int)? {
        maps[map].map { (Int(bpf_map__key_size($0)), Int(bpf_map__value_size($0))) }
    }

    /// Writes an entry of a map that there is; both have the sizes of the map.
    public func set(_ map: String, _ key: [UInt8], to value: [UInt8]) throws(BPFError) {
        guard let map = maps[map] else { return }
        let error = bpf_map__update_elem(map, key, key.count, value, value.count, UInt64(BPF_ANY))
        try check(error, "write", "the map \(String(cString: bpf_map__name(map)))")
    }

    private func load(_ file: String) throws(BPFError) {
        let log = LogBuffer()
        guard let object = bpf_object__open_file(file, nil) else {
            let isLegacy = log.text.contains("legacy map")
            let advice = "libbpf 1.0 has dropped its kind of map definitions; build it with BTF-defined maps"
            throw BPFError(
                code: errno, operation: "open", subject: file, advice: isLegacy ? advice : nil, log: log.text)
        }
        objects.append(object)
        var map = bpf_object__next_map(object, nil)
        while let current = map {
            if let shared = maps[String(cString: bpf_map__name(current))] {
                try check(bpf_map__reuse_fd(current, bpf_map__fd(shared)), "share", "a map of \(file)")
            }
            map = bpf_object__next_map(object, current)
        }
        forEachProgram(of: object) { bpf_program__set_autoload($0, Self.isWanted($0)) }
        let error = bpf_object__load(object)
        if error < 0 { throw BPFError(code: -error, operation: "load", subject: file, log: log.text) }
        map = bpf_object__next_map(object, nil)
        while let current = map {
            let name = String(cString: bpf_map__name(current))
            // Not the compiler's .rodata and .bss, which each object has for itself.
            if !bpf_map__is_internal(current), maps[name] == nil { maps[name] = current }
            map = bpf_object__next_map(object, current)
        }
    }

    private func attach(_ object: OpaquePointer, _ cgroup: Int32) throws(BPFError) {
        var failure: BPFError?
        forEachProgram(of: object) { program in
            guard Self.isWanted(program), failure == nil else { return }
            let section = String(cString: bpf_program__section_name(program))
            do throws(BPFError) {
                if bpf_program__type(program) == BPF_PROG_TYPE_SK_MSG {
                    try attachToSockets(program, section)
                } else {
                    let type = bpf_program__expected_attach_type(program)
                    links.append(try check(weir_link_create(bpf_program__fd(program), cgroup, type), "attach", section))
                }
                sections.insert(section)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    /// sk_msg runs for the sockets of a map; it ends with the map.
    private func attachToSockets(_ program: OpaquePointer, _ section: String) throws(BPFError) {
        for map in maps.values where bpf_map__type(map) == BPF_MAP_TYPE_SOCKHASH {
            try check(
                bpf_prog_attach(bpf_program__fd(program), bpf_map__fd(map), BPF_SK_MSG_VERDICT, 0), "attach", section)
        }
    }

    private func forEachProgram(of object: OpaquePointer, _ body: (OpaquePointer) -> Void) {
        var program = bpf_object__next_program(object, nil)
        while let current = program {
            body(current)
            program = bpf_object__next_program(object, current)
        }
    }

    /// What belongs to a cgroup or its sockets; not what belongs to an interface.
    private static func isWanted(_ program: OpaquePointer) -> Bool {
        [
            BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_PROG_TYPE_SOCK_OPS, BPF_PROG_TYPE_SK_MSG,
        ].contains(bpf_program__type(program))
    }
}
