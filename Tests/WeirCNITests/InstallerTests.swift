import Foundation
import TestSupport
import Testing

@testable import WeirCNI

struct InstallerTests {
    /// The common CNIs' configurations, after their public forms.
    @Test(arguments: Golden.names)
    func editsAndGivesBack(_ name: String) throws {
        let directory = try Directory()
        let text = try Golden.text(name)
        try directory.write("10-\(name)", text, mode: 0o640)
        let before = try directory.picture()

        let path = try directory.installer().install()
        let list = path.components(separatedBy: "/").last ?? ""
        #expect(list == "10-" + (name.hasSuffix(".conf") ? name + "list" : name))
        #expect(directory.read(list) == (try Golden.text("\(name).installed")))
        #expect(try directory.picture()["net.d/\(list)"]?.hasPrefix("640 ") == true)
        #expect(try directory.picture()["bin/weir-cni"] == "755 a program")
        #expect(try directory.installer().isInstalled())
        // What Foundation reads is what was there, and one entry at the end.
        let plugins = try Self.plugins(directory.read(list) ?? "")
        #expect(plugins.last == "weir-cni" && plugins.count { $0 == "weir-cni" } == 1)

        let installed = try directory.picture()
        try directory.installer().install()
        #expect(try directory.picture() == installed)
        #expect(try directory.installer().uninstall())
        #expect(try directory.picture() == before)
        #expect(try !directory.installer().uninstall())
    }

    @Test func replacesAnOlderEntryWhereItStands() throws {
        let directory = try Directory()
        try directory.write(
            "10-a.conflist", #"{"name":"a","plugins":[{"type":"a"}, {"type":"weir-cni","old":1} ,{"type":"later"}]}"#)
        var settings = PluginSettings()
        settings.failurePolicy = .allow
        settings.excludeNamespaces = []
        settings.socket = "/run/other.sock"
        try directory.installer(settings).install()
        #expect(
            directory.read("10-a.conflist")
                == #"{"name":"a","plugins":[{"type":"a"}, {"type": "weir-cni", "socket": "/run/other.sock", "#
                + #""failurePolicy": "allow", "excludeNamespaces": [], "timeoutSeconds": 15} ,{"type":"later"}]}"#)
        try directory.installer(settings).uninstall()
        #expect(directory.read("10-a.conflist") == #"{"name":"a","plugins":[{"type":"a"} ,{"type":"later"}]}"#)
    }

    @Test func theFirstThatCanBeUsedCounts() throws {
        let directory = try Directory()
        try directory.write("00-broken.conflist", #"{"name":"x","plugins":[{"type":"#)
        try directory.write("05-notes.txt", "not a configuration")
        try directory.write("20-b.conflist", try Golden.text("weave.conflist"))
        try directory.write("10-a.conflist", try Golden.text("flannel.conflist"))
        #expect(try directory.installer().install() == "\(directory.conf)/10-a.conflist")
        #expect(directory.read("20-b.conflist") == (try Golden.text("weave.conflist")))
    }

    /// Nothing is written, not even the program, and the sentence says why.
    @Test(arguments: [
        ("10-x.conflist", "{", "is not JSON (line 1: a key in double quotes is missing)"),
        ("10-x.conflist", #"{"name":"x"}"#, "has no list \"plugins\" with an entry"),
        ("10-x.conflist", #"{"name":"x","plugins":[]}"#, "has no list \"plugins\" with an entry"),
        ("10-x.conflist", #"{"name":"x","plugins":[{}]}"#, "has an entry of \"plugins\" without a \"type\""),
        ("10-x.conflist", #"{"plugins":[{"type":"x"}]}"#, "has no \"name\""),
        (
            "10-x.conflist", #"{"name":"x","plugins":[{"type":"weir-cni"}]}"#,
            "has no plugin but weir-cni, which makes no interface"
        ),
        ("10-x.conf", #"{"name":"x"}"#, "has no \"type\""), ("10-x.json", "[]", "has no \"type\""),
        ("10-x.conf", "", "is not JSON (line 1: the JSON text ends too early)"),
    ])
    func badInputChangesNothing(_ name: String, _ text: String, _ problem: String) throws {
        let directory = try Directory()
        try directory.write(name, text)
        let before = try directory.picture()
        let file = "\(directory.conf)/\(name)"
        #expect(
            throws: InstallError(
                "\(directory.conf) has none that can be used; install a network plugin first (\(file) \(problem))")
        ) { try directory.installer().install() }
        #expect(try directory.picture() == before)
        #expect(try !directory.installer().uninstall())
        #expect(try directory.picture() == before)
    }

    @Test func aForeignListOfTheNameStays() throws {
        let directory = try Directory()
        try directory.write("10-x.conf", try Golden.text("cilium.conf"))
        try directory.write("10-x.conflist", try Golden.text("weave.conflist"))
        let conf = "\(directory.conf)/10-x.conf"
        #expect(
            throws: InstallError(
                "\(conf) has to become \(conf)list, which exists already; remove the one that is not used")
        ) { try directory.installer().install() }
        #expect(directory.read("10-x.conflist") == (try Golden.text("weave.conflist")))
    }

    /// The network plugin was updated and has written its single file again: it counts, so it is converted again.
    @Test func aConfThatComesBackIsConvertedAgain() throws {
        let directory = try Directory()
        try directory.write("10-x.conf", try Golden.text("cilium.conf"))
        try directory.installer().install()
        let newer = #"{"cniVersion":"1.0.0","name":"newer","type":"cilium-cni"}"#
        try directory.write("10-x.conf", newer)
        #expect(try !directory.installer().isInstalled())
        try directory.installer().install()
        #expect(directory.read("10-x.conf") == nil && directory.read("10-x.conflist")?.contains("newer") == true)
        try directory.installer().uninstall()
        #expect(try directory.picture() == ["net.d/10-x.conf": "600 \(newer)"])
    }

    /// Killed between the two renames: both files are there, and the single one counts.
    @Test func aConversionCutShortIsFinishedOrTakenBack() throws {
        for isFinished in [true, false] {
            let directory = try Directory()
            try directory.write("10-x.conf", try Golden.text("cilium.conf"))
            let before = try directory.picture()
            try directory.write("10-x.conflist", try Golden.text("cilium.conf.installed"))
            if isFinished {
                try directory.installer().install()
                #expect(directory.read("10-x.conf") == nil)
            }
            try directory.installer().uninstall()
            #expect(try directory.picture() == before)
        }
    }

    /// Somebody has edited the list that stands in for a single file: the edit is kept.
    @Test func anEditedListOutlivesTheUninstall() throws {
        let directory = try Directory()
        try directory.write("10-x.conf", try Golden.text("cilium.conf"))
        try directory.installer().install()
        let edited = (directory.read("10-x.conflist") ?? "").replacingOccurrences(of: "false", with: "true")
        try directory.write("10-x.conflist", edited)
        try directory.installer().uninstall()
        #expect(try directory.picture().keys.sorted() == ["net.d/10-x.conflist"])
        #expect(directory.read("10-x.conflist")?.contains("weir-cni") == false)
        #expect(directory.read("10-x.conflist")?.contains("\"enable-debug\": true") == true)
    }

    @Test func aSymbolicLinkStaysOne() throws {
        let directory = try Directory()
        let target = "\(directory.root)/10-real.conflist"
        try Golden.text("flannel.conflist").write(toFile: target, atomically: false, encoding: .utf8)
        symlink(target, "\(directory.conf)/10-a.conflist")
        try directory.installer().install()
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(directory.conf)/10-a.conflist") == target)
        #expect(Workspace.read(target) == (try Golden.text("flannel.conflist.installed")))
        try directory.installer().uninstall()
        #expect(Workspace.read(target) == (try Golden.text("flannel.conflist")))
    }

    /// An agent in a container may not have what the node's runtime takes. The next file would be the wrong one.
    @Test func aLinkToNowhereStopsIt() throws {
        let directory = try Directory()
        let link = "\(directory.conf)/10-a.conflist"
        symlink("/nowhere/10-real.conflist", link)
        let other = try Golden.text("weave.conflist")
        try directory.write("20-b.conflist", other)
        #expect(
            throws: InstallError(
                "\(link) is a symbolic link to what is not here; remove it, or give the agent that directory, too")
        ) { try directory.installer().install() }
        #expect(directory.read("20-b.conflist") == other)
    }

    @Test func anotherProgramIsReplacedWhole() throws {
        let directory = try Directory()
        try directory.write("10-a.conflist", try Golden.text("flannel.conflist"))
        try directory.installer().install()
        let old = open("\(directory.bin)/weir-cni", O_RDONLY)
        defer { close(old) }
        try Data("a newer program".utf8).write(to: URL(fileURLWithPath: "\(directory.root)/program"))
        #expect(try !directory.installer().isInstalled())
        try directory.installer().install()
        #expect(Workspace.read("\(directory.bin)/weir-cni") == "a newer program")
        // One that runs at this moment keeps its file.
        #expect(Workspace.read("/proc/self/fd/\(old)") == "a program")
    }

    private static func plugins(_ text: String) throws -> [String] {
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        return (object?["plugins"] as? [[String: Any]])?.compactMap { $0["type"] as? String } ?? []
    }
}
