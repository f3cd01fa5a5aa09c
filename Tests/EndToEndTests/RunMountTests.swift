import Foundation
import TestSupport
import Testing

extension EndToEnd.Run {
    /// `ip netns exec` mounts a new /sys, without cgroups: `weir run` mounts them for its command, and for nobody else.
    @Test func belowIPNetnsExec() throws {
        let lock = MachineLock(.shared)
        defer { withExtendedLifetime(lock) {} }
        let host = try Pod(number: 132)
        let outside = try Listener.outside(of: host)
        let (binary, exercise) = (try Programs.weir.get(), try Programs.exercise.get())
        let destination = Family.ipv4.destination(132)
        let script = """
            "\(binary)" run -- "\(exercise)" connect blocking \(destination) 80 || exit 1
            "\(binary)" run --quiet -- sh -c 'kill -TERM $$'
            [ $? = 143 ] || exit 2
            ! grep -q cgroup /proc/self/mountinfo || exit 3
            """
        let result = try Command.output(["ip", "netns", "exec", host.namespace.name, "sh", "-c", script])
        observed("weir run below ip netns exec", result.output + result.errors)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("outside"))
        #expect(result.errors.contains("1 redirected"))
        outside.process.stop()
    }
}
