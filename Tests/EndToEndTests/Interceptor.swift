import Foundation
import TestSupport

/// What steers the traffic of pods into their sidecars as Istio would, DNS included.
protocol Interceptor: Sendable {
    /// Entries that are kept of connections; 0 when none is open or opening.
    func rememberedConnections() throws -> Int
    /// Ends the interception and leaves nothing.
    func stop() throws
}

enum Interception: String {
    case weir, iptables

    /// The one under test.
    static let selected: Interception = {
        let name = ProcessInfo.processInfo.environment["WEIR_INTERCEPTOR"] ?? "weir"
        guard let selected = Interception(rawValue: name) else { fatalError("WEIR_INTERCEPTOR is '\(name)'") }
        return selected
    }()

    /// Intercepts these pods; when it returns, the next connection is intercepted.
    /// - Parameter namedPods: those whose proxy takes getsockname() for the origin; iptables has nothing for them.
    static func start(_ pods: [Pod], namedPods: Set<String> = []) throws -> any Interceptor {
        switch selected {
        case .weir: try WeirAgent(pods, namedPods: namedPods)
        case .iptables: try IPTables(pods)
        }
    }
}
