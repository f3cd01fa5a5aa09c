/// A `weir-exercise listen`: the stub for a proxy, an application, or the world outside.
public final class Listener: Sendable {
    public let process: ChildProcess

    public init(_ name: String, ports: [Int], options: [String] = [], in place: Place) throws {
        let arguments = ports.flatMap { ["--port", String($0)] } + ["--name", name] + options
        process = try ChildProcess([Programs.exercise.get(), "listen"] + arguments, in: place)
        try process.waitForLine("ready")
    }

    /// A sidecar that hands nothing on, and tells every client what it saw.
    public static func proxy(in pod: Pod, name: String = "proxy") throws -> Listener {
        try Listener(name, ports: [15001, 15006, 15053], options: ["--udp"], in: pod.proxy)
    }

    /// What answers for every address outside the pod.
    public static func outside(of pod: Pod, ports: [Int] = [80, 53, 8080, 9000]) throws -> Listener {
        try Listener("outside", ports: ports, options: ["--udp", "--transparent"], in: pod.outside.place)
    }

    public static func application(in pod: Pod, ports: [Int] = [8080]) throws -> Listener {
        try Listener("application", ports: ports, in: pod.application)
    }
}
