// What a user of the agent may write behind -agentpath, and what it says to mistakes. The expected
// texts are those of the documentation, written out.
#include "base/options.h"

#include <signal.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <utility>

namespace fdorigin {
namespace {

using Catch::Matchers::ContainsSubstring;

std::string ErrorOf(const std::string& text) { return ParseOptions(text.c_str()).error; }

Options Good(const std::string& text) {
  ParsedOptions parsed = ParseOptions(text.c_str());
  CHECK(parsed.error == "");
  return parsed.options;
}

TEST_CASE("without options the documented defaults hold") {
  for (const char* text : {static_cast<const char*>(nullptr), ""}) {
    const ParsedOptions parsed = ParseOptions(text);
    CHECK(parsed.error == "");
    CHECK(parsed.options.report == "fdorigin-%p-%n.json");
    CHECK(parsed.options.on_checkpoint);
    CHECK_FALSE(parsed.options.sockets_only);
    CHECK(parsed.options.java_depth == 256);
    CHECK(parsed.options.native_depth == 64);
    CHECK(parsed.options.libc);
    CHECK(parsed.options.summary);
    CHECK(parsed.options.memory_bytes == 33554432);
    CHECK_FALSE(parsed.options.on_exit);
    CHECK_FALSE(parsed.options.on_emfile);
    CHECK(parsed.options.signal == 0);
    CHECK_FALSE(parsed.options.help);
  }
}

TEST_CASE("every option takes effect") {
  const Options options = Good(
      "report=/var/tmp/%h/a=b-%p.json,on=none,kinds=sockets,depth=17,libc=off,summary=off,"
      "memory=48m,help");
  CHECK(options.report == "/var/tmp/%h/a=b-%p.json");
  CHECK_FALSE(options.on_checkpoint);
  CHECK(options.sockets_only);
  CHECK(options.java_depth == 17);
  CHECK(options.native_depth == 17);
  CHECK_FALSE(options.libc);
  CHECK_FALSE(options.summary);
  CHECK(options.memory_bytes == 50331648);
  CHECK(options.help);

  CHECK(Good("on=checkpoint").on_checkpoint);
  CHECK(Good("on=checkpoint+checkpoint").on_checkpoint);
  CHECK_FALSE(Good("kinds=all").sockets_only);
  CHECK(Good("libc=on").libc);
  CHECK(Good("summary=on").summary);
}

TEST_CASE("the last of repeated options holds") {
  CHECK(Good("depth=7,depth=9").java_depth == 9);
  CHECK(Good("on=none,on=checkpoint").on_checkpoint);
  CHECK(Good("report=a,report=b").report == "b");
  // A mistake is a mistake even where a later option would overrule it.
  CHECK(ErrorOf("depth=x,depth=9") == "option 'depth' wants a number from 1 to 1024, not 'x'");
}

TEST_CASE("empty items are skipped") {
  CHECK(Good(",").java_depth == 256);
  CHECK(Good("depth=7,").java_depth == 7);
  CHECK(Good(",,summary=off,,depth=7").java_depth == 7);
}

TEST_CASE("depth bounds Java and native stacks, native ones at 128") {
  CHECK(Good("depth=1").native_depth == 1);
  CHECK(Good("depth=128").native_depth == 128);
  CHECK(Good("depth=129").native_depth == 128);
  CHECK(Good("depth=1024").java_depth == 1024);
  const std::string bad =
      GENERATE("0", "-1", "+5", "1025", "abc", "12x", "0x10", " 5", "1.5", "99999999999999999999");
  CHECK(ErrorOf("depth=" + bad) ==
        "option 'depth' wants a number from 1 to 1024, not '" + bad + "'");
}

TEST_CASE("memory takes the JVM's size suffixes, within bounds") {
  const auto [text, bytes] = GENERATE(std::pair<std::string, uint64_t>{"1048576", 1048576},
                                      std::pair<std::string, uint64_t>{"1024k", 1048576},
                                      std::pair<std::string, uint64_t>{"1M", 1048576},
                                      std::pair<std::string, uint64_t>{"4g", 4294967296},
                                      std::pair<std::string, uint64_t>{"4096m", 4294967296});
  CHECK(Good("memory=" + text).memory_bytes == bytes);

  const std::string bad =
      GENERATE("1023k", "4097m", "5g", "0", "m", "-1m", "32mb", "32q", "1.5g", "17592186044416m",
               "18446744073709551615g", "18446744073709551616");
  CHECK(ErrorOf("memory=" + bad) ==
        "option 'memory' wants a size from 1m to 4g, not '" + bad + "'");
}

TEST_CASE("an unknown option is named, with the one that was meant") {
  CHECK(ErrorOf("repotr=/tmp/x") == "unknown option 'repotr'; did you mean 'report'?");
  CHECK(ErrorOf("summary=on,dpth=3") == "unknown option 'dpth'; did you mean 'depth'?");
  CHECK(ErrorOf("Report=x") == "unknown option 'Report'; did you mean 'report'?");
  CHECK(ErrorOf("MEMORY=1g") == "unknown option 'MEMORY'; did you mean 'memory'?");
  CHECK(ErrorOf(" depth=1") == "unknown option ' depth'; did you mean 'depth'?");
  CHECK(ErrorOf("kind=all") == "unknown option 'kind'; did you mean 'kinds'?");
  CHECK(ErrorOf("--help") == "unknown option '--help'; try 'help'");
  CHECK(ErrorOf("xyz") == "unknown option 'xyz'; try 'help'");
  CHECK(ErrorOf("=5") == "unknown option ''; try 'help'");
  CHECK(ErrorOf("/tmp/report.json") == "unknown option '/tmp/report.json'; try 'help'");
}

TEST_CASE("a wrong value is named, with what would be right") {
  CHECK(ErrorOf("kinds=files") == "option 'kinds' wants all or sockets, not 'files'");
  CHECK(ErrorOf("summary=yes") == "option 'summary' wants on or off, not 'yes'");
  CHECK(ErrorOf("libc=1") == "option 'libc' wants on or off, not '1'");
  CHECK(ErrorOf("on=chekpoint") ==
        "option 'on' wants checkpoint, exit, emfile, signal or none, not 'chekpoint'");
  CHECK(ErrorOf("on=checkpoint+") ==
        "option 'on' wants checkpoint, exit, emfile, signal or none, not ''");
  CHECK(ErrorOf("on=none+checkpoint") == "option 'on' wants 'none' alone");
  CHECK(ErrorOf("on=exit+none") == "option 'on' wants 'none' alone");
  CHECK(ErrorOf("help=me") == "option 'help' takes no value");
}

TEST_CASE("a missing value is an error") {
  const std::string key =
      GENERATE("report", "on", "kinds", "depth", "libc", "summary", "signal", "memory");
  CHECK(ErrorOf(key) == "option '" + key + "' wants a value");
  CHECK(ErrorOf(key + "=") == "option '" + key + "' wants a value");
  CHECK(ErrorOf(key + "=,help") == "option '" + key + "' wants a value");
}

TEST_CASE("triggers are added up") {
  const Options all = Good("on=exit+emfile+signal+checkpoint,signal=SIGUSR2");
  CHECK(all.on_checkpoint);
  CHECK(all.on_exit);
  CHECK(all.on_emfile);
  CHECK(all.signal == 12);
  const Options one = Good("on=emfile");
  CHECK_FALSE(one.on_checkpoint);
  CHECK_FALSE(one.on_exit);
  CHECK(one.on_emfile);
  CHECK(one.signal == 0);
  const Options none = Good("on=exit,on=none");
  CHECK_FALSE(none.on_checkpoint);
  CHECK_FALSE(none.on_exit);
}

TEST_CASE("a signal is a trigger by itself, and on=signal is none without it") {
  const Options options = Good("signal=USR1");
  CHECK(options.signal == 10);
  CHECK(options.on_checkpoint);
  CHECK(Good("on=none,signal=SIGRTMIN+3").signal == SIGRTMIN + 3);
  CHECK(Good("signal=SIGRTMIN+0,on=signal").signal == SIGRTMIN);
  CHECK(ErrorOf("on=signal") == "on=signal wants a signal, as in signal=SIGUSR2");
  CHECK(ErrorOf("on=signal+exit") == "on=signal wants a signal, as in signal=SIGUSR2");
}

TEST_CASE("a signal that cannot serve is refused") {
  const std::string needed =
      GENERATE("SIGKILL", "STOP", "SIGSEGV", "SIGBUS", "FPE", "ILL", "SIGQUIT", "SIGTERM", "HUP",
               "SIGINT", "SIGPIPE", "SIGXFSZ", "CHLD", "SIGABRT", "TRAP", "SIGTSTP", "CONT");
  CHECK(ErrorOf("signal=" + needed) ==
        "option 'signal' wants a signal that neither the JVM nor the kernel needs, such as "
        "SIGUSR2, not '" +
            needed + "'");
  const std::string unknown = GENERATE("SIGFOO", "12", "usr2", "SIG", "SIGRTMIN+", "SIGRTMIN+99",
                                       "SIGRTMIN+-1", "RTMIN+3x");
  CHECK(ErrorOf("signal=" + unknown) ==
        "option 'signal' wants the name of a signal, such as SIGUSR2, not '" + unknown + "'");
}

TEST_CASE("an error stays one line of moderate length") {
  CHECK(ErrorOf("depth=1\n2\x1b[31m") ==
        "option 'depth' wants a number from 1 to 1024, not '1?2?[31m'");
  const std::string error = ErrorOf(std::string(100000, 'z'));
  CHECK(error.size() < 200);
  CHECK_THAT(error, ContainsSubstring("zzz...'"));
}

TEST_CASE("the help names every option and every trigger") {
  const std::string help(OptionsHelp());
  for (const char* option :
       {"report=", "on=", "kinds=", "depth=", "libc=", "summary=", "signal=", "memory=", "help"}) {
    CHECK_THAT(help, ContainsSubstring(std::string("\n  ") + option));
  }
  for (const char* trigger : {"checkpoint", "exit", "emfile", "signal", "none"}) {
    CHECK_THAT(help, ContainsSubstring(std::string("\n                      ") + trigger + " "));
  }
  CHECK(help.back() == '\n');
}

}  // namespace
}  // namespace fdorigin
