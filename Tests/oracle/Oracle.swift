import Foundation
import Glibc
import Logging
import WeirAgent
import WeirBPF
import WeirCore

/// The hook of the oracle's runner: intercepts the case's pod as its configuration says.
///
///     weir-oracle attach ebpf|nftables    reads ORACLE_CONFIG, ORACLE_POD_NETNS_PATH, ORACLE_POD_CGROUP
///     weir-oracle detach
@main enum Oracle {
    static let pins = PinDirectory(path: "/sys/fs/bpf/weir-oracle")

    static func main() async {
        do {
            switch CommandLine.arguments.dropFirst().first {
            case "attach": try await attach()
            case "detach":
                Interceptor.uninstall(pins)
                _ = try NFTMechanism(pins).removeAll()
            default: throw InvalidValue("usage: weir-oracle attach ebpf|nftables, or weir-oracle detach")
            }
        } catch {
            FileHandle.standardError.write(Data("weir-oracle: \(error)\n".utf8))
            exit(2)
        }
    }

    private static func attach() async throws {
        let environment = ProcessInfo.processInfo.environment
        guard let text = environment["ORACLE_CONFIG"], let path = environment["ORACLE_POD_NETNS_PATH"],
            let name = environment["ORACLE_CASE"]
        else { throw InvalidValue("this is for the oracle's --hook") }
        let specification = try JSONDecoder().decode(OracleConfiguration.self, from: Data(text.utf8)).policy
        var configuration = Configuration()
        configuration.mechanism = Mechanism(rawValue: CommandLine.arguments.last ?? "") ?? .auto
        configuration.workloads = [Workload(name: name, selector: .netns(path), policy: specification)]
        let logger = Logger(label: "weir", factory: { _ in SwiftLogNoOpLogHandler() })
        try await Node(pins, logger: logger).apply(configuration, watching: false)
    }
}
