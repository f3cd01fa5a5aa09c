import Glibc
import WeirBPF
import WeirCNI
public import WeirCore

/// All that Weir has put onto this node.
public enum Installation {
    /// Removes it. No agent may run any more, or it is this one, and ends.
    /// - Returns: nil when nothing was there.
    public static func remove(_ agent: Configuration.Agent) throws -> Removed? {
        // First, because pods would wait for an agent that does not come back.
        let hadPlugin = try agent.cni.install && PluginInstallation.installer(agent).uninstall()
        let pins = PinDirectory(path: "\(agent.bpffs)/\(agent.pins)")
        try StateFolder(pins).takeOver()
        // While the programs still redirect what the rules will.
        let replaced = ReplacedRules.restoreAll(pins)
        let isThere = pins.exists || !pins.leftovers().isEmpty || !pins.predecessors().isEmpty
        let count = Interceptor.uninstall(pins)
        let namespaces = try NFTMechanism(pins).removeAll()
        SandboxNotes(pins).removeAll()
        let runs = RunLeftovers.remove()
        unlink(agent.socket)  // a killed agent's
        let isAnything = isThere || count > 0 || hadPlugin || runs > 0 || namespaces > 0 || replaced > 0
        return isAnything ? Removed(programs: count, namespaces: namespaces) : nil
    }

    /// What went.
    public struct Removed: CustomStringConvertible, Sendable {
        public let programs: Int
        /// Those that had nftables rules or routes.
        public let namespaces: Int

        public var description: String {
            "\(programs) programs detached" + (namespaces > 0 ? ", \(namespaces) namespaces cleaned" : "")
        }
    }
}
