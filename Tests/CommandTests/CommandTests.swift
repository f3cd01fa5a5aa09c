import Foundation
import TestSupport
import Testing

/// The command line as a user meets it: sentences, exit codes, output for machines. Everything runs the built binary.
@Suite(.serialized, .enabled(if: geteuid() == 0, "what root may do differs from what others may"))
enum Commands {}

/// Runs `body` with the machine to itself and expects that it leaves nothing behind.
func leavingNothing(sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void) throws {
    let lock = MachineLock(.exclusive)
    defer { withExtendedLifetime(lock) {} }
    let before = try MachineState.now()
    try body()
    let left = try MachineState.leftovers(since: before)
    #expect(left.isEmpty, sourceLocation: sourceLocation)
}

/// One sentence on standard error, an exit code, and nothing on standard output.
func expect(
    _ result: ChildProcess.Output, _ status: Int32, _ errors: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(result.status == status, sourceLocation: sourceLocation)
    #expect(result.errors == errors + "\n", sourceLocation: sourceLocation)
    #expect(result.output == "", sourceLocation: sourceLocation)
}

/// Runs a shell's commands, and then weir, in a mount namespace of its own.
func runWithMounts(_ commands: String, _ arguments: [String]) throws -> ChildProcess.Output {
    try Command.output(
        ["unshare", "-m", "sh", "-c", "\(commands); exec \"$@\"", "sh", Programs.weir.get()] + arguments)
}
