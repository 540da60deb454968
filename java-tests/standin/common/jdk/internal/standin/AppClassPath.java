package jdk.internal.standin;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.util.ArrayList;
import java.util.List;
import jdk.internal.loader.BuiltinClassLoader;
import jdk.internal.loader.ClassLoaders;

/** What the application class loader has opened. */
public final class AppClassPath {
  private AppClassPath() {}

  /** The jars in use, with those named by a manifest's Class-Path or added by an agent. */
  public static List<String> openedJars() {
    List<String> jars = new ArrayList<>();
    Object classPath = Fields.get((BuiltinClassLoader) ClassLoaders.appClassLoader(), "ucp");
    if (classPath == null) {
      return jars;
    }
    for (Object loader : new ArrayList<>((List<?>) Fields.get(classPath, "loaders"))) {
      if (!loader.getClass().getName().endsWith("$JarLoader")) {
        continue;
      }
      try {
        URI uri = ((URL) Fields.get(loader, "csu")).toURI();
        if ("file".equals(uri.getScheme())) {
          jars.add(uri.getPath());
        }
      } catch (URISyntaxException e) {
        continue;
      }
    }
    return jars;
  }
}
