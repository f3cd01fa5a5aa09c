/// What the plugin answers when it cannot do what it was asked: CNI specification, section 5, "Error".
public struct PluginError: Error, Hashable {
    /// The specification's numbers; from 100 on they are a plugin's own.
    public enum Code: Int, Hashable, Sendable {
        case incompatibleVersion = 1
        case invalidEnvironment = 4
        case ioFailure = 5
        case undecodable = 6
        case invalidConfiguration = 7
        case tryAgainLater = 11
        /// Of STATUS: no ADD can be served. Containers that run are not affected: their policies are in the kernel.
        case notAvailable = 50
        /// The agent answered, and refused.
        case refused = 100
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public func text(cniVersion: String) -> String {
        JSONOutput.object([
            ("cniVersion", .string(cniVersion)), ("code", .number(code.rawValue)), ("msg", .string(message)),
        ]).text
    }
}
