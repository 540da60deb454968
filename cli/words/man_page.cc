#include "words/man_page.h"

#include <string>
#include <string_view>

#include "fdorigin_version.h"
#include "fmt/format.h"
#include "words/word_tree.h"

namespace fdorigin {
namespace {

// Backslashes, hyphens that are to be copied, and dots at the beginning of a line.
std::string Roff(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else if ((c == '.' || c == '\'') && (result.empty() || result.back() == '\n')) {
      result += fmt::format("\\&{}", c);
    } else {
      result += c;
    }
  }
  return result;
}

std::string OptionsInRoff(const VerbWords& words) {
  std::string text;
  for (const OptionWords& option : words.options) {
    std::string names;
    for (const std::string& name : option.names) {
      names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", Roff(name));
    }
    if (option.takes_value) {
      std::string values;
      for (const std::string& value : option.values) {
        values += fmt::format("{}{}", values.empty() ? "" : "|", Roff(value));
      }
      names += fmt::format(" \\fI{}\\fR", values.empty() ? "VALUE" : values);
    }
    text += fmt::format(".TP\n{}\n{}\n", names, Roff(option.description));
  }
  return text;
}

std::string VerbInRoff(const VerbWords& verb) {
  std::string synopsis = fmt::format("\\fBfdorigin {}\\fR [\\fIOPTIONS\\fR]", Roff(verb.name));
  std::string positionals;
  for (const PositionalWords& positional : verb.positionals) {
    const std::string name = fmt::format("\\fI{}\\fR", Roff(positional.name));
    synopsis += positional.required ? fmt::format(" {}", name) : fmt::format(" [{}]", name);
    positionals += fmt::format(".TP\n{}\n{}\n", name, Roff(positional.description));
  }
  return fmt::format(".SS {}\n{}\n.PP\n{}.\n{}{}.PP\n.nf\n{}\n.fi\n", Roff(verb.name), synopsis,
                     Roff(verb.description), positionals, OptionsInRoff(verb), Roff(verb.footer));
}

}  // namespace

std::string ManPage(const CLI::App& command) {
  const VerbWords common = WordsOf(command);
  std::string verbs;
  for (const VerbWords& verb : VerbsOf(command)) verbs += VerbInRoff(verb);
  return fmt::format(R"(.TH FDORIGIN 1 "" "fdorigin {version}" "User Commands"
.SH NAME
fdorigin \- who opened this file descriptor of a JVM?
.SH SYNOPSIS
.B fdorigin
[\fIOPTIONS\fR] \fIVERB\fR [\fIOPTIONS\fR] \fIARGUMENTS\fR
.SH DESCRIPTION
The agent libfdorigin.so records, inside a Java virtual machine, who opened each file descriptor, and
writes a report when a checkpoint fails or when it is asked. This command asks running JVMs for
reports, and shows, checks, compares and converts them. A report may be given as \- for standard input.
.SH OPTIONS
{options}.SH VERBS
{verbs}.SH EXIT STATUS
.TP
0
All is well.
.TP
1
There are findings: a descriptor breaks the rules, or something will not work.
.TP
2
The command line is wrong.
.TP
3
An input cannot be read: it is missing, cut short, no report, or of a newer major version.
.TP
4
The JVM that was asked did not do it.
.SH ENVIRONMENT
.TP
.B NO_COLOR
Where it is set and not empty, nothing is coloured unless \-\-color=always is given.
.TP
.B COLUMNS
The width of what is printed, where standard output is no terminal.
.SH SEE ALSO
.BR java (1),
.BR jcmd (1),
.BR lsof (8)
)",
                     fmt::arg("version", FDORIGIN_VERSION),
                     fmt::arg("options", OptionsInRoff(common)), fmt::arg("verbs", verbs));
}

}  // namespace fdorigin
