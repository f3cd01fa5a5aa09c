import Glibc
import Logging
public import WeirCNI
public import WeirCore

/// The CNI plugin on this node, as the configuration has it. The plugin's program is the one beside this one.
public enum PluginInstallation {
    public static func installer(_ agent: Configuration.Agent) -> Installer {
        var settings = PluginSettings()
        settings.socket = agent.socket
        settings.failurePolicy = FailurePolicy(rawValue: agent.cni.failurePolicy.rawValue) ?? settings.failurePolicy
        settings.excludeNamespaces = agent.cni.excludeNamespaces
        return Installer(
            settings: settings, program: program, binDirectory: agent.cni.binDir, confDirectory: agent.cni.confDir)
    }

    static func log(_ event: InstallKeeper.Event, to logger: Logger) {
        switch event {
        case .installed(let path):
            logger.info("CNI plugin installed", metadata: ["configuration": "\(path)"])
        case .waiting(let milliseconds):
            logger.warning(
                "the CNI plugin was taken out of the network configuration; it comes back",
                metadata: ["in": "\(milliseconds) ms"])
        case .problem(let sentence):
            logger.warning("CNI plugin not installed; trying again", metadata: ["error": "\(sentence)"])
        }
    }

    private static var program: String {
        guard let path = realpath("/proc/self/exe", nil) else { return PluginSettings.type }
        defer { free(path) }
        let parts = String(cString: path).split(separator: "/").dropLast()
        return "/" + (parts + [Substring(PluginSettings.type)]).joined(separator: "/")
    }
}
