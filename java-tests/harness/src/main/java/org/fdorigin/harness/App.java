package org.fdorigin.harness;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The programs that are run under test, and where each one's class path lies. */
public enum App {
  HTTP_SERVER("httpserver", "org.fdorigin.apps.httpserver.TicketOffice", "jdk.httpserver"),
  NETTY("netty", "org.fdorigin.apps.netty.OrderDesk"),
  FELIX("felix", "org.fdorigin.apps.felix.ParcelShelf"),
  GLASSFISH("glassfish", "org.fdorigin.apps.glassfish.HarborMaster"),
  ACROBAT("probes", "org.fdorigin.apps.probes.Acrobat"),
  EMPTY_HALL("probes", "org.fdorigin.apps.probes.EmptyHall"),
  TURNSTILE("probes", "org.fdorigin.apps.probes.Turnstile"),
  BAZAAR("probes", "org.fdorigin.apps.probes.Bazaar"),
  POST_OFFICE("probes", "org.fdorigin.apps.probes.PostOffice"),
  POST_RIDER("probes", "org.fdorigin.apps.probes.PostRider"),
  LODGINGS("probes", "org.fdorigin.apps.probes.Lodgings"),
  NURSERY("probes", "org.fdorigin.apps.probes.Nursery"),
  HOARDER("probes", "org.fdorigin.apps.probes.Hoarder"),
  REGISTRY("probes", "org.fdorigin.apps.probes.Registry"),
  FALCONER("probes", "org.fdorigin.apps.probes.Falconer"),
  KESTREL("probes", "org.fdorigin.apps.probes.Kestrel"),
  LIFTBOY("probes", "org.fdorigin.apps.probes.Liftboy"),
  SMUGGLER("probes", "org.fdorigin.apps.probes.Smuggler"),
  SPELUNKER("probes", "org.fdorigin.apps.probes.Spelunker"),
  SPRINTER("probes", "org.fdorigin.apps.probes.Sprinter"),
  HAUNT("probes", "org.fdorigin.apps.probes.Haunt"),
  STANDSTILL("probes", "org.fdorigin.apps.probes.Standstill"),
  WAYFARER("probes", "org.fdorigin.apps.probes.Wayfarer"),
  SIGHTSEER("probes", "org.fdorigin.apps.probes.Sightseer"),
  CAROUSEL("probes", "org.fdorigin.apps.probes.Carousel"),
  GOPHER("probes", "org.fdorigin.apps.probes.Gopher"),
  HATCHERY("probes", "org.fdorigin.apps.probes.Hatchery"),
  QUAY("probes", "org.fdorigin.apps.probes.Quay"),
  LAMPLIGHTER("probes", "org.fdorigin.apps.probes.Lamplighter"),
  DRIFTER("probes", "org.fdorigin.apps.probes.Drifter"),
  CHRONICLER("probes", "org.fdorigin.apps.probes.Chronicler"),
  ABYSS("probes", "org.fdorigin.apps.probes.Abyss"),
  DERELICT("probes", "org.fdorigin.apps.probes.Derelict"),
  LABYRINTH("probes", "org.fdorigin.apps.probes.Labyrinth"),
  METRONOME("probes", "org.fdorigin.apps.probes.Metronome"),
  LATECOMER("probes", "org.fdorigin.apps.probes.Latecomer"),
  COURIER("probes", "org.fdorigin.apps.probes.Courier"),
  SLEEPER("probes", "org.fdorigin.apps.probes.Sleeper"),
  REHEARSAL("examples", "org.fdorigin.apps.examples.Rehearsal");

  private static final String MARK = "// MARK ";

  private final String module;
  private final String mainClass;
  private final List<String> jdkModules;

  App(String module, String mainClass, String... jdkModules) {
    this.module = module;
    this.mainClass = mainClass;
    this.jdkModules = List.of(jdkModules);
  }

  /** Modules that not every Java runtime has. */
  List<String> jdkModules() {
    return jdkModules;
  }

  public String mainClass() {
    return mainClass;
  }

  /** The main class's file name, as stack frames have it. */
  public String file() {
    return mainClass.substring(mainClass.lastIndexOf('.') + 1) + ".java";
  }

  public String classPath() {
    Path target = Build.apps().resolve(module).resolve("target");
    Path jar = target.resolve("app-" + module + ".jar");
    if (!Files.exists(jar)) {
      throw new IllegalStateException(jar + " is missing: run mvn verify, which packages it");
    }
    return jar + ":" + target.resolve("lib") + "/*";
  }

  /** The line of the source at which {@code // MARK name} stands. */
  public int line(String mark) {
    Path source =
        Build.apps()
            .resolve(module)
            .resolve("src/main/java")
            .resolve(mainClass.replace('.', '/') + ".java");
    try (Stream<String> lines = Files.lines(source)) {
      List<String> all = lines.toList();
      for (int i = 0; i < all.size(); i++) {
        if (all.get(i).endsWith(MARK + mark)) {
          return i + 1;
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    throw new IllegalArgumentException("no line is marked " + mark + " in " + source);
  }
}
