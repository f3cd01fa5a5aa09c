import Glibc
import WeirBPF
public import WeirCore

/// Ends the agent of an installation, in order if it listens and by force if it hangs. What it had put in force stays.
public enum AgentEnd {
    /// How long an agent that answers has for its end, in seconds.
    private static let patience: Int32 = 15

    /// - Returns: a sentence for each that was there.
    /// - Throws: why one that runs cannot be ended.
    public static func bring(_ settings: Configuration.Agent) throws -> [String] {
        let client = AdminClient(path: settings.socket)
        let pins = PinDirectory(path: "\(settings.bpffs)/\(settings.pins)")
        var said: [String] = []
        if let pid = try ask(client) {
            said.append("stopped the agent (pid \(pid))")
        } else if client.isAnswered {
            let pid = client.process ?? InstallationLock.holder(pins) ?? 0
            guard pid > 0, pid == InstallationLock.holder(pins) || isWeir(pid) else {
                throw InvalidValue(
                    "who listens on \(client.path) (pid \(pid)) does not answer and is not Weir; "
                        + "end it, then run weir unload again")
            }
            try kill(pid)
            said.append("the agent (pid \(pid)) did not answer or end; it was killed")
        }
        // One with another socket, or that has lost its own.
        if let pid = InstallationLock.holder(pins), !isLetGo(pins, within: 3) {
            guard pid > 0 else {
                throw InvalidValue(
                    "an agent in another pid namespace keeps the installation under \(pins.path); stop it there")
            }
            try end(pid, pins)
            said.append("ended another agent (pid \(pid)) that kept this installation")
        }
        return said
    }

    /// - Returns: the process that has ended; nil when none listens, or it does not obey.
    private static func ask(_ client: AdminClient) throws -> Int32? {
        let process = client.process.flatMap { RunningProcess($0) }
        do {
            guard let agent = try client.status() else { return nil }
            _ = try client.request("POST", "/v1/stop") { _ in }
            let end = ContinuousClock.now + .seconds(patience)
            while client.isAnswered, .now < end { usleep(100_000) }
            // It may still be about to remove things itself (unloadOnStop), and holds its port until it ends.
            return client.isAnswered || process?.ends(within: patience) == false ? nil : agent.pid
        } catch is AgentFailure {
            return nil
        }
    }

    private static func end(_ pid: Int32, _ pins: PinDirectory) throws {
        guard let process = RunningProcess(pid), InstallationLock.holder(pins) == pid else { return }
        process.signal(SIGTERM)
        if !process.ends(within: patience) { try kill(pid) }
    }

    private static func kill(_ pid: Int32) throws {
        guard let process = RunningProcess(pid) else { return }
        process.signal(SIGKILL)
        if !process.ends(within: 5) {
            throw InvalidValue(
                "the agent (pid \(pid)) does not end, though it was killed: the kernel holds it; run weir unload again")
        }
    }

    private static func isLetGo(_ pins: PinDirectory, within seconds: Int) -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while InstallationLock.holder(pins) != nil {
            if .now >= end { return false }
            usleep(100_000)
        }
        return true
    }

    /// An agent of a version that takes no lock.
    private static func isWeir(_ pid: Int32) -> Bool {
        guard let path = realpath("/proc/\(pid)/exe", nil) else { return false }
        defer { free(path) }
        return String(cString: path).split(separator: "/").last == "weir"
    }
}
