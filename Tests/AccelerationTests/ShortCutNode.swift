import Foundation
import Logging
import TestSupport
import WeirBPF
import WeirCore

@testable import WeirAgent

/// Weir's programs for two neighbours, without an agent and pins, so that they can be loaded without their guards.
final class ShortCutNode {
    let neighbours: Neighbours
    private let interceptor: Interceptor
    private let node: Node
    private let reader: FlowReader
    private let lock = MachineLock(.shared)
    private let budget: Int
    private let proxy: String
    private let application: ReadHabit

    /// - Parameters:
    ///   - scope: `acceleration` of both pods.
    ///   - budget: in bytes.
    ///   - proxy: YAML of a workload that says what its proxy is.
    ///   - application: how its applications are said to read.
    init(
        _ scope: WeirCore.Acceleration, budget: Int = 256 << 10, proxy: String = "mesh: istio",
        application: ReadHabit = .untilEmpty, unguarded: Bool = false
    ) async throws {
        neighbours = try Neighbours()
        interceptor = try Interceptor.loadPrivately(unguarded: unguarded)
        reader = try FlowReader(interceptor.maps)
        node = Node(
            PinDirectory(), logger: Logger(label: "weir", factory: { _ in SwiftLogNoOpLogHandler() }),
            loaded: interceptor)
        self.budget = budget
        self.proxy = proxy
        self.application = application
        try await accelerate(scope)
    }

    /// Changes the scope of both pods, with connections open or not.
    func accelerate(_ scope: WeirCore.Acceleration) async throws {
        let workloads = neighbours.pods.map { pod in
            "  - {name: \(pod.name), selector: {netns: \(pod.path)}, \(proxy), applicationReads: \(application)}\n"
        }
        let text = "acceleration: \(scope.rawValue)\naccelerationBudget: \(budget)\nworkloads:\n\(workloads.joined())"
        try await node.apply(try Configuration(yaml: text), watching: false)
    }

    /// Why the short cut does less for each of the pods than it asks for.
    func limits() async -> [String?] { await node.report().map(\.limit) }

    /// Messages by the path they took, of all workloads.
    func messages() throws -> [MessagePath: UInt64] {
        try interceptor.maps.readPaths().reduce(into: [:]) { $0[$1.path, default: 0] += $1.messages }
    }

    func bytes(_ path: MessagePath) throws -> UInt64 {
        try interceptor.maps.readPaths().filter { $0.path == path }.reduce(0) { $0 + $1.bytes }
    }

    /// Records of connections that ended since the node began, or since the last call.
    func flows() throws -> [FlowRecord] { try reader.drain().compactMap { FlowRecord($0) } }

    /// Sockets that still stand in the maps of pairs.
    func remembered() throws -> Int {
        try interceptor.maps.pairs.walk(UInt64.self).count
    }
}
