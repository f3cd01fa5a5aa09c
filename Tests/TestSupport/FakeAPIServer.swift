import Foundation

/// `Tests/Fixtures/apiserver.py`: the part of a Kubernetes API server that an agent asks for.
public final class FakeAPIServer: Sendable {
    public let url: String
    private let process: ChildProcess

    /// - Parameter certificate: path of a PEM file with certificate and key; nil: it speaks plain HTTP.
    public init(certificate: String? = nil) throws {
        let options = certificate.map { [$0] } ?? []
        let process = try ChildProcess(["python3", try Workspace.fixture("apiserver.py")] + options)
        let port = Eventually.value {
            process.output.split(separator: "\n", omittingEmptySubsequences: false).count > 1
                ? Int(process.output.trimmingCharacters(in: .newlines)) : nil
        }
        guard let port else { throw TestError("the API server does not start", output: process.errors) }
        self.process = process
        url = "\(certificate == nil ? "http" : "https")://127.0.0.1:\(port)"
    }

    public func put(_ pod: String) throws { try post("put", pod) }
    public func delete(namespace: String, name: String) throws { try post("delete/\(namespace)/\(name)") }
    public func bookmark() throws { try post("bookmark") }
    /// Watches end, as they do from time to time.
    public func endWatches() throws { try post("break") }
    /// Versions of before are no longer kept.
    public func expire() throws { try post("expire") }
    /// A line of the watches, as it is.
    public func send(line: String) throws { try post("line", line) }
    /// An event that goes on for so long.
    public func sendEndless(megabytes: Int) throws { try post("endless/\(megabytes)") }
    /// Lists have each pod so many times.
    public func multiply(by count: Int) throws { try post("multiply/\(count)") }
    /// What requests have to come with from now on.
    public func require(token: String) throws { try post("token", token) }

    /// The targets of all requests, in order.
    public func requests() throws -> [String] {
        try Command.run(["curl", "-skf", "\(url)/fake/requests"]).split(separator: "\n").map(String.init)
    }

    /// A kubeconfig that leads here.
    public func kubeconfig() throws -> String {
        try Workspace.write(
            "kubeconfig",
            """
            current-context: test
            contexts: [{name: test, context: {cluster: fake, user: agent}}]
            clusters: [{name: fake, cluster: {server: "\(url)"}}]
            users: [{name: agent, user: {token: secret}}]
            """)
    }

    private func post(_ what: String, _ body: String = "") throws {
        try Command.run(
            ["curl", "-skf", "-X", "POST", "--data-binary", "@-", "\(url)/fake/\(what)"], stdin: body)
    }
}
