import Foundation
import TestSupport
import Testing

extension Commands {
    /// `kubectl weir`, with a kubectl that knows two nodes and answers as their agents do.
    @Suite struct Kubectl {
        private func run(_ arguments: [String]) throws -> ChildProcess.Output {
            let folder = URL(fileURLWithPath: try Workspace.fixture("kubectl")).deletingLastPathComponent().path
            let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../deploy/kubectl-weir").path
            return try Command.output(["env", "PATH=\(folder):/usr/bin:/bin", "sh", script] + arguments)
        }

        @Test func severalNodesAreOneDocument() throws {
            let result = try run(["status", "-o", "json"])
            let answer = try JSONDecoder().decode([String: [String: String]].self, from: Data(result.output.utf8))
            #expect(answer == ["node-1": ["pod": "weir-a"], "node-2": ["pod": "weir-b"]])
            #expect(result.status == 0)
        }

        @Test(arguments: [["flows", "-f"], ["flows", "-o", "json"], ["flows", "-f", "-o", "json"]])
        func everyNodeIsFollowed(_ arguments: [String]) throws {
            let result = try run(arguments)
            let lines = result.output.split(separator: "\n").sorted()
            let words = arguments.joined(separator: " ")
            #expect(lines == ["weir-a weir \(words)", "weir-b weir \(words)"])
            #expect(result.status == 2)
        }

        @Test func aPodsOwnRecords() throws {
            let result = try run(["-n", "shop", "flows", "cart", "-o", "json"])
            #expect(result.output == "weir-b weir flows shop/cart -o json\n")
            #expect(result.status == 2)
        }
    }
}
