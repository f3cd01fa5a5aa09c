import ArgumentParser
import WeirBPF

/// What the agent and `weir load` start to make the maps of an installation.
struct MakeMapsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: MapMaker.command, shouldDisplay: false)

    @Argument var directory: String

    func run() throws {
        do {
            try MapMaker.run(directory)
        } catch {
            writeError("weir: \(error)")
            throw ExitCode(2)
        }
    }
}
