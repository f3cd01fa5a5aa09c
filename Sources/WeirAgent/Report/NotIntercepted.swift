/// Why there is no workload of a name: what the agent knows of a pod that is none, or of one that is not there.
public struct NotIntercepted: Error, CustomStringConvertible, Sendable {
    public let description: String

    /// - Returns: nil when the agent knows nothing of that name.
    public init?(_ name: String, _ status: AgentStatus) {
        let pods = status.kubernetes?.others.filter { $0.name == name || $0.uid == name } ?? []
        // Of one that was made anew, the pod that should be intercepted says more.
        if let pod = pods.first(where: \.isProblem) ?? pods.first {
            description = "the pod \(pod.name) is not intercepted: \(pod.reason)"
        } else if let absent = status.absent?.first(where: { $0.name == name }) {
            description = "the workload \(name) is not intercepted: \(absent.reason)"
        } else {
            return nil
        }
    }
}
