import CWeirABI
import CWeirBPF
import Glibc

/// Where the routing of a network namespace stands, by which the programs tell whether what was read of it still holds:
/// `bpf/route.bpf.h`.
struct RoutingGenerations {
    static let program = "weir_routing"

    /// Of each family; 0 where this kernel does not tell.
    var ipv4: UInt32 = 0
    var ipv6: UInt32 = 0

    /// Of the calling thread's namespace, to be asked for before its routes are read.
    static func current() -> RoutingGenerations {
        var answer = weir_generations()
        var result: UInt32 = 0
        guard let loaded,
            weir_program_run(loaded, &answer, UInt32(MemoryLayout<weir_generations>.size), &result) == 0,
            result == 0
        else { return RoutingGenerations() }
        return RoutingGenerations(ipv4: answer.ipv4, ipv6: answer.ipv6)
    }

    /// The program's descriptor. Loaded once, for all namespaces and as long as this process lives; nil: the kernel
    /// refuses it.
    private static let loaded: Int32? = {
        guard let object = try? Object() else { return nil }
        object.select { $0 == program }
        guard (try? object.load()) != nil, let raw = object.program(program) else { return nil }
        let own = fcntl(raw, F_DUPFD_CLOEXEC, 0)
        return own < 0 ? nil : own
    }()
}
