package jdk.internal.crac;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jdk.internal.misc.VM;
import jdk.internal.standin.AppClassPath;

/** Files that are open because the JDK needs them and that will be there on restore. */
final class PersistentPaths {
  private static final String[] OPTIONS_WITH_PATHS = {"-javaagent:", "-Xbootclasspath/a:"};

  private final List<Path> paths = new ArrayList<>();

  PersistentPaths() {
    add("/dev/random");
    add("/dev/urandom");
    add(System.getProperty("java.home") + "/lib/modules");
    add(System.getProperty("standin.jar"));
    addAll(System.getProperty("java.class.path"));
    for (String path : AppClassPath.openedJars()) {
      add(path);
    }
    for (String argument : VM.getRuntimeArguments()) {
      for (String option : OPTIONS_WITH_PATHS) {
        // An agent's options follow its jar after an equals sign.
        if (argument.startsWith(option)) {
          addAll(argument.substring(option.length()).split("=")[0]);
        }
      }
    }
    String modulePath = System.getProperty("jdk.module.path");
    if (modulePath == null) {
      return;
    }
    for (String entry : modulePath.split(File.pathSeparator)) {
      add(entry);
      String[] jars = new File(entry).list((directory, name) -> name.endsWith(".jar"));
      if (jars == null) {
        continue;
      }
      for (String jar : jars) {
        add(entry + File.separator + jar);
      }
    }
  }

  private void addAll(String list) {
    if (list == null) {
      return;
    }
    for (String path : list.split(File.pathSeparator)) {
      add(path);
    }
  }

  private void add(String path) {
    if (path != null && !path.isEmpty() && new File(path).exists()) {
      paths.add(Path.of(path));
    }
  }

  /** Whether the path, or the link text of a descriptor, is one of those files. */
  boolean contains(String path) {
    if (path == null) {
      return false;
    }
    try {
      Path candidate = Path.of(path);
      if (!Files.exists(candidate)) {
        return false;
      }
      for (Path known : paths) {
        if (Files.isSameFile(known, candidate)) {
          return true;
        }
      }
    } catch (IOException | InvalidPathException e) {
      // Not one of ours, then.
    }
    return false;
  }
}
